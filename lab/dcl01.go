// SPDX-License-Identifier: Apache-2.0

package lab

var dcl01 = Experiment{
	ID: "DCL-01", Method: "dcl", NeedsLabels: true, Switch: "loss",
	Question: "Does it help small batches to leave the positive out of the denominator?",
	Claim:    "In small batches DCL, whose denominator has negatives only, gives better features than SimCLR.",
	Source:   "Yeh et al. 2022, arXiv:2110.06848; figures of raminnakhli/Decoupled-Contrastive-Learning",
	Reported: "CIFAR-10, ResNet-18, 100 epochs, linear: DCL / SimCLR 84.6 / 78.3 with batches of 32, 85.6 / 81.5 with 64, 85.4 / 83.3 with 256",
	Arms: []Arm{
		simclrSmall,
		{Name: "DCL, batch 64", Method: "dcl", Set: []string{"train.batch=64"}},
	},
	Shows: []Metric{KNN, EffectiveRank, MeanCosine},
	Expect: []Expectation{
		survives("DCL, batch 64"),
		more(KNN, "DCL, batch 64", "SimCLR, batch 64", 0),
	},
	Effect: &Effect{Metric: KNN, Arm: "DCL, batch 64", Of: "SimCLR, batch 64"},
}
