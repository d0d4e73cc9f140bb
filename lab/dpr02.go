// SPDX-License-Identifier: Apache-2.0

package lab

var dpr02 = Experiment{
	ID: "DPR-02", Method: "byol", NeedsLabels: true,
	Question: "Does BYOL need its slow target when the predictor has two layers?",
	Claim:    "Not to prevent collapse: without momentum it learns, less well. (A predictor that is kept symmetric collapses.)",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 3",
	Reported: "STL-10, linear accuracy 65.98 without momentum, 78.85 with it; 35.59 without it when the predictor is kept symmetric. BYOL's paper has 0.3 without momentum, on ImageNet",
	Scale:    "Only the free predictor is tested.",
	Arms:     []Arm{byol, byolNoMomentum, byolNoPredictor},
	Shows:    []Metric{MeanCosine, EffectiveRank, KNN},
	Expect:   []Expectation{survives("without momentum"), gains("without momentum", knnGain), visible("without predictor")},
}
