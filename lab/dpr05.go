// SPDX-License-Identifier: Apache-2.0

package lab

var byolDirect = Arm{Name: "predictor that is set", Method: "byol", Set: []string{"method.predictor_form=direct"}}

var dpr05 = Experiment{
	ID: "DPR-05", Method: "byol", NeedsLabels: true, Switch: "predictor",
	Question: "Must BYOL's predictor be trained at all?",
	Claim:    "A linear predictor that is set from the correlation matrix of what it is given is at least as good as one that is trained.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 8",
	Reported: "STL-10, linear accuracy 77.9 when it is set and 75.1 when it is trained; CIFAR-10, set: 85.2",
	Scale:    "Three points are below what a seed's kNN accuracy can show here: the rule asks that setting it costs no more than two standard errors.",
	Arms:     []Arm{byolLinear, byolDirect},
	Shows:    []Metric{KNN, EffectiveRank, EigenCosine},
	Expect: []Expectation{
		survives("predictor that is set"), gains("predictor that is set", knnGain), noLess(KNN, "predictor that is set", "linear predictor", knnGain),
	},
}
