// SPDX-License-Identifier: Apache-2.0

package claims

// A Dispute is a question on which published claims contradict one another, or seem to.
type Dispute struct {
	Question string
	Note     string   // what the papers say of it
	Claims   []string // ids
}

// Disputes are the questions on which papers differ. Each claim may hold under its own conditions.
var Disputes = []Dispute{
	{"Who needs a momentum target?", "BYOL's paper reports that it fails without one, SimSiam's that it works, and " +
		"DirectPred's that it depends on the predictor and its weight decay.",
		[]string{"SIM-01", "BYO-01", "BYO-02", "BYO-03", "BYO-04", "BYO-09", "SIM-12", "MOC-01", "MOC-05", "DPR-01", "DPR-02",
			"DPR-03", "DPR-04", "DPR-11", "DIN-03", "DIN-04"}},
	{"Who needs batch norm?", "Said to be what keeps BYOL apart, then shown not to be when the initial weights are tuned.",
		[]string{"SIM-07", "SIM-08", "SIM-09", "BYG-01", "BYG-02", "BYG-03", "BAR-02", "VIC-06", "VIC-07"}},
	{"Must the two sides differ?", "SimSiam and BYOL stand on it, Barlow Twins is the worse for it; and where " +
		"statistics keep embeddings apart, not even weights need be shared.",
		[]string{"SIM-01", "SIM-02", "ZHG-01", "BYO-03", "BAR-03", "VIC-12"}},
	{"Is a collapse always complete, and fast?", "Directions can be lost while the spread stays, and slowly.",
		[]string{"SIM-02", "VIC-04", "VIC-08", "BAR-01", "DBN-01", "DBN-02", "DBN-03", "CAP-01", "JNG-01", "JNG-02"}},
	{"Who needs large batches?", "Compared at as many images seen, not at as many steps.",
		[]string{"CLR-02", "BYO-05", "SIM-06", "MOC-06", "BAR-04", "VIC-11", "DIN-07", "SWA-05", "DCL-01"}},
	{"Do wider heads help?", "Those whose loss is of correlations or covariances are said to gain by them, and SimCLR " +
		"and BYOL not.",
		[]string{"BAR-05", "BAR-07", "VIC-10"}},
	{"Which number tells the quality without labels?", "Each was proposed within its own set of runs.",
		[]string{"RKM-01", "LID-01", "ARQ-01", "CAP-02", "AU-02"}},
}
