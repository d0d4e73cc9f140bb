// SPDX-License-Identifier: Apache-2.0

package lab

var din03 = Experiment{
	ID: "DIN-03", Method: "dino", NeedsLabels: true,
	Question: "Which parts does DINO need?",
	Claim:    "Without a momentum teacher DINO does not learn, and local crops beside the global ones make the features better.",
	Source:   "Caron et al. 2021, arXiv:2104.14294, table 7",
	Reported: "k-NN: 72.8; without momentum 0.1; without local crops 67.9 (ImageNet)",
	Scale:    "The table's other rows, Sinkhorn-Knopp in the place of centring, a squared error and a predictor, are no settings here. The local crops, of half the side, cost time, which the steps do not count.",
	Arms: []Arm{
		dino,
		dinoCopy,
		{Name: "with four local crops", Method: "dino", Set: []string{"method.small_crops=4", "method.small_size=16"}},
	},
	Shows: []Metric{KNN, Information, MeanCosine, EffectiveRank},
	Expect: []Expectation{
		fails("the student itself as teacher"),
		more(KNN, "with four local crops", "DINO", 0),
	},
	Effect: &Effect{Metric: KNN, Arm: "DINO", Of: "the student itself as teacher"},
}
