// SPDX-License-Identifier: Apache-2.0

package lab

var sup01 = Experiment{
	ID: "SUP-01", Method: "supcon", NeedsLabels: true, Switch: "loss",
	Question: "Is the sum over the images of a class to stand outside the logarithm or inside?",
	Claim:    "Outside gives the better features.",
	Source:   "Khosla et al. 2020, arXiv:2004.11362, equations 2 and 3; figures from memory",
	Reported: "78.7 outside, 67.4 inside (ImageNet, ResNet-50)",
	Arms: []Arm{
		{Name: "SupCon, outside", Method: "supcon"},
		{Name: "SupCon, inside", Method: "supcon", Set: []string{"method.form=in"}},
	},
	Shows:  []Metric{KNN, EffectiveRank, MeanCosine},
	Expect: []Expectation{more(KNN, "SupCon, outside", "SupCon, inside", 0)},
	Effect: &Effect{Metric: KNN, Arm: "SupCon, outside", Of: "SupCon, inside"},
}
