// SPDX-License-Identifier: Apache-2.0

package lab

var clr03 = Experiment{
	ID: "CLR-03", Method: "simclr", NeedsLabels: true,
	Question: "What is SimCLR's projector good for?",
	Claim:    "With a projector of two layers the backbone's features are better than with a linear one, and with that better than without any.",
	Source:   "Chen et al. 2020, arXiv:2002.05709, figure 8 and section 4.2",
	Reported: "two layers 3 % above linear, and more than 10 % above none",
	Scale:    "After so few steps the head has less to protect the features from.",
	Arms:     []Arm{simclr, simclrLinear, simclrNoProjector},
	Shows:    []Metric{KNN, FeatureRank, EffectiveRank},
	Expect: []Expectation{
		more(KNN, "SimCLR", "linear projector", 0),
		more(KNN, "linear projector", "without projector", 0),
	},
	Effect: &Effect{Metric: KNN, Arm: "SimCLR", Of: "without projector"},
}
