// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var byo04 = Experiment{
	ID: "BYO-04", Method: "byol", NeedsLabels: true, Switch: "predictor",
	Question: "Is BYOL's slow target there to give the predictor time?",
	Claim:    "Without momentum BYOL works when its predictor learns faster than its projector, and collapses or is poor when the projector learns as fast.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, tables 21 and 22",
	Reported: "linear accuracy 72.5 with momentum; without it, projector's and predictor's rate times 1 and 1: 3.2, 1 and 10: 66.9, 10 and 10: 8.3",
	Scale:    "Where the plain arm without momentum does not collapse, as may be with SGD and small heads, there is less to rescue.",
	Arms: []Arm{byol, byolNoMomentum,
		{Name: "predictor at ten times the rate", Method: "byol", Set: append(slices.Clone(byolNoMomentum.Set), "method.predictor_rate_factor=10")},
		{Name: "projector and predictor at ten times the rate", Method: "byol", Set: append(slices.Clone(byolNoMomentum.Set),
			"method.predictor_rate_factor=10", "method.projector_rate_factor=10")}},
	Shows: []Metric{KNN, EffectiveRank, MeanCosine},
	Expect: []Expectation{
		survives("predictor at ten times the rate"), gains("predictor at ten times the rate", knnGain),
		fails("projector and predictor at ten times the rate"),
	},
	Effect: &Effect{Metric: KNN, Arm: "predictor at ten times the rate", Of: "projector and predictor at ten times the rate"},
}
