// SPDX-License-Identifier: Apache-2.0

package lab

var bar07 = Experiment{
	ID: "BAR-07", Method: "byol", NeedsLabels: true, Switch: "head",
	Question: "Would heads like Barlow Twins' make BYOL better, too?",
	Claim:    "No: with deeper or wider heads BYOL is rather worse.",
	Source:   "Zbontar et al. 2021, arXiv:2103.03230, table 7",
	Reported: "74.1; with three layers in the projector 74.0, with three of 8,192 and a predictor as wide 72.3 (ImageNet, ResNet-50, linear)",
	Scale:    "Two points of accuracy can hardly be told in runs this short; that neither collapses is asked for, too.",
	Arms: []Arm{
		byol,
		{Name: "three layers", Method: "byol", Set: []string{"method.projector.widths=[128, 128, 128]"}},
		{Name: "three layers, four times as wide", Method: "byol", Set: []string{"method.projector.widths=[512, 512, 512]", "method.predictor.widths=[512, 512]"}},
	},
	Shows: []Metric{KNN, EffectiveRank, MeanCosine},
	Expect: []Expectation{
		survives("three layers"), survives("three layers, four times as wide"),
		more(KNN, "BYOL", "three layers", 0), more(KNN, "BYOL", "three layers, four times as wide", 0),
	},
}
