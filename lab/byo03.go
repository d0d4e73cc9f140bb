// SPDX-License-Identifier: Apache-2.0

package lab

var byo03 = Experiment{
	ID: "BYO-03", Method: "byol",
	Question: "What happens to BYOL without its predictor?",
	Claim:    "The embedding collapses, with a target that follows slowly and without.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, table 5b",
	Reported: "linear accuracy 72.5 with predictor and target, 0.2 without predictor, 0.3 without target, 0.1 without either",
	Arms: []Arm{byol, byolNoPredictor,
		{Name: "without predictor or momentum", Method: "byol", Set: append([]string{"method.predictor_mode=none"}, byolNoMomentum.Set...)}},
	Shows:  []Metric{MeanCosine, Std, Loss},
	Expect: []Expectation{collapses("without predictor"), collapses("without predictor or momentum")},
	Effect: &Effect{Metric: MeanCosine, Arm: "without predictor", Of: "BYOL"},
}
