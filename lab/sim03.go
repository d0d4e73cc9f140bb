// SPDX-License-Identifier: Apache-2.0

package lab

var sim03 = Experiment{
	ID: "SIM-03", Method: "simsiam",
	Question: "Is it enough that SimSiam has a predictor, or must the predictor learn?",
	Claim:    "With a predictor that stays at its random start, training does not converge: the loss remains high. That is a failure, but no collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 1b",
	Reported: "linear accuracy 1.5 with the predictor fixed, 67.7 with it trained",
	Scale:    "Features that hardly changed look good after a short run, so the accuracy decides nothing: the loss and the spread do.",
	Arms:     []Arm{simsiam, simsiamFixed},
	Shows:    []Metric{Loss, Std, EffectiveRank},
	Expect:   []Expectation{survives("predictor fixed"), stalls("predictor fixed", -1)},
	Effect:   &Effect{Metric: Loss, Arm: "predictor fixed", Of: "SimSiam"},
}
