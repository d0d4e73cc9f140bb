// SPDX-License-Identifier: Apache-2.0

package claims

// A Dispute is a question on which published claims contradict one another, or seem to.
type Dispute struct {
	Question string
	Note     string   // what the papers say
	Claims   []string // ids of the claims
}

// Disputes are the questions on which papers differ. Each claim may hold under its own conditions.
var Disputes = []Dispute{
	{
		"Who needs a momentum target?",
		"BYOL's paper reports that BYOL fails without one, SimSiam's paper that SimSiam works without one, and " +
			"DirectPred's that it depends on the predictor and its weight decay.",
		[]string{"SIM-01", "BYO-01", "BYO-02", "BYO-03", "BYO-04", "BYO-09", "SIM-12", "MOC-01", "MOC-05", "DPR-01",
			"DPR-02", "DPR-03", "DPR-04", "DPR-11", "DIN-03", "DIN-04"},
	},
	{
		"Who needs batch norm?",
		"It was said to keep BYOL from collapsing. Later work showed that BYOL does without it, if the initial " +
			"weights are tuned.",
		[]string{"SIM-07", "SIM-08", "SIM-09", "BYG-01", "BYG-02", "BYG-03", "BAR-02", "VIC-06", "VIC-07"},
	},
	{
		"Must the two sides differ?",
		"SimSiam and BYOL depend on it, and it makes Barlow Twins worse. If statistics keep embeddings apart, the " +
			"sides need not even share weights.",
		[]string{"SIM-01", "SIM-02", "ZHG-01", "BYO-03", "BAR-03", "VIC-12"},
	},
	{
		"Is a collapse always complete and fast?",
		"Dimensions can be lost while the spread stays, and slowly.",
		[]string{"SIM-02", "VIC-04", "VIC-08", "BAR-01", "DBN-01", "DBN-02", "DBN-03", "CAP-01", "JNG-01", "JNG-02"},
	},
	{
		"Who needs large batches?",
		"Batch sizes are compared at an equal number of images seen, not of steps.",
		[]string{"CLR-02", "BYO-05", "SIM-06", "MOC-06", "BAR-04", "VIC-11", "DIN-07", "SWA-05", "DCL-01"},
	},
	{
		"Do wider heads help?",
		"They are said to help methods whose loss is about correlations or covariances, but not SimCLR and BYOL.",
		[]string{"BAR-05", "BAR-07", "VIC-10"},
	},
	{
		"Which number shows the quality of features without labels?",
		"Each number was proposed on its own set of runs.",
		[]string{"RKM-01", "LID-01", "ARQ-01", "CAP-02", "AU-02"},
	},
}
