// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var byolSymmetricLayers = Arm{Name: "symmetric predictor", Method: "byol", Set: []string{"method.predictor_form=symmetric_mlp"}}

var dpr02 = Experiment{
	ID: "DPR-02", Method: "byol", NeedsLabels: true, Switch: "momentum target",
	Question: "Does BYOL need its slow target when the predictor has two layers?",
	Claim:    "Not when they are free: without momentum it learns, less well. When one is kept the other's transpose it collapses without momentum, and does not with it.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 3",
	Reported: "STL-10, linear accuracy with momentum and without: 78.9 and 66.0 for free layers, 71.6 and 35.6 for symmetric ones. BYOL's paper has 0.3 without momentum, on ImageNet",
	Scale:    "As in the paper's code batch norm stands between the two layers, so that the predictor as a whole is not a symmetric function.",
	Arms: []Arm{byol, byolNoMomentum, byolSymmetricLayers,
		{Name: "symmetric predictor, without momentum", Method: "byol", Set: slices.Concat(byolSymmetricLayers.Set, byolNoMomentum.Set)}},
	Shows: []Metric{EffectiveRank, MeanCosine, KNN},
	Expect: []Expectation{
		survives("without momentum"), gains("without momentum", knnGain),
		survives("symmetric predictor"), collapses("symmetric predictor, without momentum"),
	},
	Effect: &Effect{Metric: EffectiveRank, Arm: "without momentum", Of: "symmetric predictor, without momentum", LogScale: true},
}
