// SPDX-License-Identifier: Apache-2.0

package lab

var moc06 = Experiment{
	ID: "MOC-06", Method: "mocov2", NeedsLabels: true, Switch: "batch size",
	Question: "Does a queue make up for a small batch?",
	Claim:    "MoCo, whose negatives are in a queue, loses less in small batches than SimCLR, whose negatives are the batch.",
	Source:   "Chen et al. 2020, arXiv:2003.04297, table 2",
	Reported: "200 epochs: MoCo v2 67.5 with batches of 256, SimCLR 61.9 with 256 and 66.6 with 4,096",
	Scale:    "Batches of 64 against 256, at the same number of images.",
	Arms:     []Arm{moco, mocoSmall, simclr, simclrSmall},
	Shows:    []Metric{KNN, EffectiveRank, MeanCosine},
	Expect: []Expectation{
		survives("MoCo v2, batch 64"),
		loses(KNN, step{"SimCLR", "SimCLR, batch 64"}, step{"MoCo v2", "MoCo v2, batch 64"}),
	},
	Effect: &Effect{Metric: KNN, Arm: "MoCo v2, batch 64", Of: "SimCLR, batch 64"},
}
