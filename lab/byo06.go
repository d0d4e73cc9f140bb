// SPDX-License-Identifier: Apache-2.0

package lab

var byo06 = Experiment{
	ID: "BYO-06", Method: "byol", NeedsLabels: true,
	Question: "Is BYOL less dependent on the augmentation than SimCLR?",
	Claim:    "With crops as the only augmentation BYOL loses less than SimCLR, whose views can be told apart by their colours.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, section 5",
	Reported: "linear accuracy with crops alone 59.4 for BYOL and 40.3 for SimCLR",
	Scale:    "Flips remain. In gray images colours are brightness and contrast, which tell less.",
	Arms: []Arm{
		byol,
		{Name: "BYOL, crops alone", Method: "byol", Set: cropsAlone},
		simclr,
		{Name: "SimCLR, crops alone", Method: "simclr", Set: noColour},
	},
	Shows:  []Metric{KNN, EffectiveRank, Loss},
	Expect: []Expectation{loses(KNN, step{"SimCLR", "SimCLR, crops alone"}, step{"BYOL", "BYOL, crops alone"})},
	Effect: &Effect{Metric: KNN, Arm: "BYOL, crops alone", Of: "SimCLR, crops alone"},
}
