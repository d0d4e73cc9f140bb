// SPDX-License-Identifier: Apache-2.0

package lab

var wms05 = Experiment{
	ID: "WMS-05", Method: "wmse", NeedsLabels: true,
	Question: "Is W-MSE better with four views of an image than with two?",
	Claim:    "With four views, which make six positive pairs, W-MSE's features are better than with two.",
	Source:   "Ermolov et al. 2021, arXiv:2007.06346, table 1",
	Reported: "CIFAR-10, ResNet-18, 1,000 epochs, linear / 5-NN: 91.99 / 89.87 with four, 91.55 / 89.69 with two, as later work quotes them",
	Scale:    "The runs have as many steps, so four views cost twice the time. The published gain is less than half a point, which five runs of minutes can hardly resolve.",
	Arms: []Arm{
		wmse,
		{Name: "four views", Method: "wmse", Set: []string{"method.view_count=4"}},
	},
	Shows: []Metric{KNN, EffectiveRank, MeanCosine},
	Expect: []Expectation{
		survives("four views"),
		more(KNN, "four views", "W-MSE", 0),
	},
	Effect: &Effect{Metric: KNN, Arm: "four views", Of: "W-MSE"},
}
