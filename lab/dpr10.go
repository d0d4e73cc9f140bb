// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var dpr10 = Experiment{
	ID: "DPR-10", Method: "byol", NeedsLabels: true, Switch: "predictor",
	Question: "May the mean be taken away before a predictor is set from the correlation of embeddings?",
	Claim:    "No: it must be E[zzᵀ]. With the covariance in its place features are worse.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, section 4",
	Reported: "in words: otherwise the performance deteriorates",
	Scale:    "Every batch is centred by its own mean.",
	Arms:     []Arm{byolDirect, {Name: "centred", Method: "byol", Set: append(slices.Clone(byolDirect.Set), "method.direct.centred=true")}},
	Shows:    []Metric{KNN, EffectiveRank, MeanCosine},
	Expect:   []Expectation{more(KNN, "predictor that is set", "centred", 0)},
	Effect:   &Effect{Metric: KNN, Arm: "predictor that is set", Of: "centred"},
}
