// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"slices"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
)

// Claims about numbers that show the quality of features without labels.

var rkm01 = lab.Experiment{
	ID: "RKM-01", Method: "simclr", NeedsLabels: true, Switch: "other",
	Question: "Does the rank of embeddings show without labels which run has better features?",
	Claim: "Among runs of one method with different hyperparameters, those with a higher RankMe of their embeddings " +
		"have better features.",
	Source: "Garrido et al. 2023, arXiv:2210.02885, abstract and section 3",
	Reported: "hyperparameters chosen by RankMe, such as SimCLR's temperature, lose almost nothing; it is for runs " +
		"of one method only",
	Scale: "Two small sweeps: SimCLR's temperature, batch and projector, and VICReg's coefficients. The paper " +
		"measures 25,600 embeddings and trains a linear classifier. Runs that lack a term are left out: those of " +
		"VIC-02 and VIC-03 have high ranks and poor features.",
	Arms:  slices.Concat(simclrSweep, vicregSweep),
	Shows: []lab.Metric{lab.RankMe, lab.KNN, lab.EffectiveRank},
	Expect: []lab.Expectation{
		expect.Foretells(lab.RankMe, 1, names(simclrSweep)...),
		expect.Foretells(lab.RankMe, 1, names(vicregSweep)...),
	},
}

// Runs that differ in hyperparameters. Other experiments need all of them, too.
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
	Question: "Does a rank that ignores what augmentation changes show better than RankMe which run has better " +
		"features?",
	Claim: "Among runs with different hyperparameters, LiDAR predicts the features' accuracy better than RankMe. " +
		"LiDAR is the rank of the directions that tell images apart better than views of one image.",
	Source: "Thilak et al. 2023, arXiv:2312.04000, abstract",
	Reported: "it significantly surpasses naive rank-based approaches in its predictive power of optimal " +
		"hyperparameters; no number in the abstract",
	Scale: "The runs of RKM-01. Two views of 1,000 images, instead of the paper's 50 views: the variance within an " +
		"image is estimated from differences of pairs.",
	Arms:  slices.Concat(simclrSweep, vicregSweep),
	Shows: []lab.Metric{lab.LiDAR, lab.RankMe, lab.KNN},
	Expect: []lab.Expectation{
		expect.ForetellsBetter(lab.LiDAR, lab.RankMe, names(simclrSweep)...),
		expect.ForetellsBetter(lab.LiDAR, lab.RankMe, names(vicregSweep)...),
	},
}

var arq01 = lab.Experiment{
	ID: "ARQ-01", Method: "vicreg", NeedsLabels: true, Switch: "other",
	Question: "Does the slope of the features' spectrum show without labels which run has better features?",
	Claim: "The eigenvalues of good features fall as a power law with an exponent near 1. The farther the exponent " +
		"is from 1, the worse the features are.",
	Source:   "Agrawal et al. 2022, NeurIPS, abstract: α in a well-defined interval; that it is near 1 is from memory",
	Reported: "no number in the abstract",
	Scale:    "The runs of RKM-01. With features of 64 dimensions, eigenvalues 5 to 32 are fitted.",
	Arms:     slices.Concat(vicregSweep, simclrSweep),
	Shows:    []lab.Metric{lab.ExponentOff, lab.KNN, lab.FeatureRank},
	Expect: []lab.Expectation{
		expect.Foretells(lab.ExponentOff, -1, names(simclrSweep)...),
		expect.Foretells(lab.ExponentOff, -1, names(vicregSweep)...),
	},
}

var cld01 = lab.Experiment{
	ID: "CLD-01", Method: "simsiam",
	Question: "Do the learnability of clusters and the intrinsic dimension show the quality of features without " +
		"labels?",
	Claim: "Together they predict accuracy better than other numbers do.",
	Source: "Lu et al. 2022, \"Using Representation Expressiveness and Learnability to Evaluate Self-Supervised " +
		"Learning Methods\"; from memory",
	Reported:   "rank correlations over published networks",
	Untestable: "no evaluation here measures how learnable clusters are",
}
