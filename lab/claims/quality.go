// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"slices"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
)

// Claims about numbers that tell the quality of features without labels.

var rkm01 = lab.Experiment{
	ID: "RKM-01", Method: "simclr", NeedsLabels: true, Switch: "other",
	Question: "Does the rank of the embeddings tell which run has the better features, without labels?",
	Claim: "Among runs of one method that differ in hyperparameters those whose embeddings have the higher RankMe have " +
		"the better features.",
	Source: "Garrido et al. 2023, arXiv:2210.02885, abstract and section 3",
	Reported: "hyperparameters chosen by it, SimCLR's temperature among them, lose nearly nothing; it is for runs of " +
		"one method only",
	Scale: "Two small sweeps, of SimCLR's temperature, batch and projector and of VICReg's coefficients. The paper " +
		"measures 25,600 embeddings and trains a linear classifier. " +
		"Runs from which a term is missing are left out: those of VIC-02 and VIC-03 have high ranks and poor features.",
	Arms:  slices.Concat(simclrSweep, vicregSweep),
	Shows: []lab.Metric{lab.RankMe, lab.KNN, lab.EffectiveRank},
	Expect: []lab.Expectation{
		expect.Foretells(lab.RankMe, 1, names(simclrSweep)...),
		expect.Foretells(lab.RankMe, 1, names(vicregSweep)...),
	},
}

// Runs that differ in hyperparameters, all of which other experiments have, too.
var (
	simclrSweep = []lab.Arm{simclr, simclrCold, simclrWarm, simclrSmall, simclrLinear}
	vicregSweep = []lab.Arm{vicreg, vicregNoCovariance, vicregOnes, vicregVariance, vicregDrawn}
)

func names(arms []lab.Arm) []string {
	all := make([]string, len(arms))
	for i, a := range arms {
		all[i] = a.Name
	}
	return all
}

var lid01 = lab.Experiment{
	ID: "LID-01", Method: "simclr", NeedsLabels: true, Switch: "other",
	Question: "Does a rank that leaves out what augmentation changes tell better than RankMe which run has the better " +
		"features?",
	Claim: "Among runs that differ in hyperparameters LiDAR, the rank of what tells images apart better than views of " +
		"one, foretells the features' accuracy better than RankMe.",
	Source: "Thilak et al. 2023, arXiv:2312.04000, abstract",
	Reported: "it significantly surpasses naive rank-based approaches in its predictive power of optimal " +
		"hyperparameters; no number in the abstract",
	Scale: "The runs of RKM-01. Two views of 1,000 images, where the paper has 50 of as many: the variance within " +
		"images is an estimate from differences of pairs.",
	Arms:  slices.Concat(simclrSweep, vicregSweep),
	Shows: []lab.Metric{lab.LiDAR, lab.RankMe, lab.KNN},
	Expect: []lab.Expectation{
		expect.ForetellsBetter(lab.LiDAR, lab.RankMe, names(simclrSweep)...),
		expect.ForetellsBetter(lab.LiDAR, lab.RankMe, names(vicregSweep)...),
	},
}

var arq01 = lab.Experiment{
	ID: "ARQ-01", Method: "vicreg", NeedsLabels: true, Switch: "other",
	Question: "Does the slope of the features' spectrum tell which run has the better ones, without labels?",
	Claim: "The eigenvalues of good features fall as a power of their rank, with an exponent near 1; the farther from " +
		"it, the worse they are.",
	Source:   "Agrawal et al. 2022, NeurIPS, abstract: α in a well-defined interval; that it is near 1 is from memory",
	Reported: "no number in the abstract",
	Scale:    "The runs of RKM-01. Features of 64 dimensions leave the fit eigenvalues 5 to 32.",
	Arms:     slices.Concat(vicregSweep, simclrSweep),
	Shows:    []lab.Metric{lab.ExponentOff, lab.KNN, lab.FeatureRank},
	Expect: []lab.Expectation{
		expect.Foretells(lab.ExponentOff, -1, names(simclrSweep)...),
		expect.Foretells(lab.ExponentOff, -1, names(vicregSweep)...),
	},
}

var cld01 = lab.Experiment{
	ID: "CLD-01", Method: "simsiam",
	Question: "Do the learnability of clusters and the intrinsic dimension tell the quality without labels?",
	Claim:    "Together they predict accuracy, and better than other numbers do.",
	Source: "Lu et al. 2022, \"Using Representation Expressiveness and Learnability to Evaluate Self-Supervised " +
		"Learning Methods\"; from memory",
	Reported:   "rank correlations over published networks",
	Untestable: "how learnable clusters are, is measured by no evaluation here",
}
