// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var lid01 = Experiment{
	ID: "LID-01", Method: "simclr", NeedsLabels: true, Switch: "other",
	Question: "Does a rank that leaves out what augmentation changes tell better than RankMe which run has the better features?",
	Claim:    "Among runs that differ in hyperparameters LiDAR, the rank of what tells images apart better than views of one, foretells the features' accuracy better than RankMe.",
	Source:   "Thilak et al. 2023, arXiv:2312.04000, abstract",
	Reported: "it significantly surpasses naive rank-based approaches in its predictive power of optimal hyperparameters; no number in the abstract",
	Scale:    "The runs of RKM-01. Two views of 1,000 images, where the paper has 50 of as many: the variance within images is an estimate from differences of pairs.",
	Arms:     slices.Concat(simclrSweep, vicregSweep),
	Shows:    []Metric{LiDAR, RankMe, KNN},
	Expect: []Expectation{
		foretellsBetter(LiDAR, RankMe, names(simclrSweep)...),
		foretellsBetter(LiDAR, RankMe, names(vicregSweep)...),
	},
}
