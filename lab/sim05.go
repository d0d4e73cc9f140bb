// SPDX-License-Identifier: Apache-2.0

package lab

var sim05 = Experiment{
	ID: "SIM-05", Method: "simsiam",
	Question: "SimSiam's loss has two directions, and without predictor they add up to a plain comparison of both views. Does one direction alone do without the predictor?",
	Claim:    "No: the loss in one direction fails without predictor, too.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 4.2",
	Reported: "fails without predictor, in words; linear accuracy 64.8 in one direction with predictor",
	Scale:    "As without predictor in both directions, dimensions are lost first; the standard deviation does not show it.",
	Arms: []Arm{simsiamOneWay,
		{Name: "one direction, without predictor", Method: "simsiam", Set: []string{"method.symmetric=false", "method.predictor_mode=none"}}},
	Shows:  []Metric{EffectiveRank, Participation, Std},
	Expect: []Expectation{collapses("one direction, without predictor")},
	Effect: &Effect{Metric: EffectiveRank, Arm: "one direction", Of: "one direction, without predictor", LogScale: true},
}
