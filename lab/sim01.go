// SPDX-License-Identifier: Apache-2.0

package lab

var sim01 = Experiment{
	ID: "SIM-01", Method: "simsiam",
	Question: "What happens to SimSiam without its stop-gradient?",
	Claim:    "Without the stop-gradient the outputs become constant: the loss reaches its minimum of -1 and the standard deviation goes to 0.",
	Source:   "Chen & He 2021, arXiv:2011.10566, figure 2",
	Reported: "linear accuracy 67.7 with it and 0.1 without; std near 1/√d, and 0",
	Scale:    "The collapse takes some hundred steps, and passes through embeddings of few dimensions: by 200 steps it may be under way.",
	Arms:     []Arm{simsiam, simsiamNoStop},
	Shows:    []Metric{MeanCosine, EffectiveRank, Loss, GradientRatio},
	Expect:   []Expectation{collapses("without stop-gradient")},
	Effect:   &Effect{Metric: Loss, Arm: "SimSiam", Of: "without stop-gradient"},
}
