// SPDX-License-Identifier: Apache-2.0

package lab

var byolLinear = Arm{Name: "linear predictor", Method: "byol", Set: []string{"method.predictor.widths=[128]"}}

var dpr01 = Experiment{
	ID: "DPR-01", Method: "byol", Switch: "momentum target",
	Question: "Does BYOL need its slow target when the predictor is a single linear layer?",
	Claim:    "No: a linear predictor that is free to become what it likes does not collapse without momentum. (One that is kept symmetric does.)",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 3",
	Reported: "STL-10, linear accuracy 72.85 without momentum, about 74.5 with it; 36.62 without it when the predictor is kept symmetric",
	Scale:    "Only the free predictor is tested.",
	Arms: []Arm{byolLinear,
		{Name: "linear predictor, without momentum", Method: "byol", Set: append(append([]string{}, byolLinear.Set...), byolNoMomentum.Set...)}, byolNoPredictor},
	Shows:  []Metric{MeanCosine, EffectiveRank, KNN},
	Expect: []Expectation{survives("linear predictor, without momentum"), visible("without predictor")},
}
