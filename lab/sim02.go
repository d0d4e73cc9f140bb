// SPDX-License-Identifier: Apache-2.0

package lab

var sim02 = Experiment{
	ID: "SIM-02", Method: "simsiam",
	Question: "SimSiam compares one view's prediction of the other with the other. What happens when the two are compared directly, without predicting?",
	Claim:    "Without the predictor the stop-gradient is not enough: the embedding collapses.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 1a",
	Reported: "linear accuracy 0.1 without predictor, 67.7 with it",
	Scale: "With batch norm at its end the projector cannot become constant within a batch, so the collapse is one of dimensions at first: the rank falls, " +
		"and the standard deviation still looks healthy.",
	Arms:   []Arm{simsiam, simsiamNoPredictor},
	Shows:  []Metric{EffectiveRank, Participation, Std},
	Expect: []Expectation{collapses("without predictor")},
	Effect: &Effect{Metric: EffectiveRank, Arm: "SimSiam", Of: "without predictor", LogScale: true},
}
