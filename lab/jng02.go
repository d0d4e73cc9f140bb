// SPDX-License-Identifier: Apache-2.0

package lab

var jng02 = Experiment{
	ID: "JNG-02", Method: "directclr", NeedsLabels: true, Switch: "head",
	Question: "Does a part of the features do what a projector does?",
	Claim:    "Without a projector SimCLR's features lose dimensions; a loss on a fixed part of them prevents that, and is as good as a trained linear projector.",
	Source:   "Jing et al. 2022, arXiv:2110.09348, table 2",
	Reported: "no projector 51.5, a trained linear one 61.1, a part of the features (DirectCLR) 62.7 (ImageNet, ResNet-18, 100 epochs, linear)",
	Scale:    "32 of 64 features, not 360 of 2,048. A difference below 0.04 stands for as good.",
	Arms: []Arm{
		{Name: "DirectCLR", Method: "directclr"},
		simclrNoProjector,
		simclrLinear,
	},
	Shows: []Metric{KNN, FeatureRank, RankShare},
	Expect: []Expectation{
		more(FeatureRank, "DirectCLR", "without projector", 0),
		more(KNN, "DirectCLR", "without projector", 0),
		near(KNN, "DirectCLR", "linear projector", 0.04),
	},
	Effect: &Effect{Metric: KNN, Arm: "DirectCLR", Of: "without projector"},
}
