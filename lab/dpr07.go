// SPDX-License-Identifier: Apache-2.0

package lab

var dpr07 = Experiment{
	ID: "DPR-07", Method: "byol", Switch: "predictor",
	Question: "What becomes of directions that the predictor takes to 0?",
	Claim:    "They stay lost: with eigenvalues √max(s - 0.1, 0), which are 0 for the smaller s, BYOL learns far less than with √(s + 0.1).",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 7",
	Reported: "STL-10, linear accuracy 46.6 ± 18.4 with the former, 76.5 ± 0.6 with the latter",
	Scale: "The eigenvalues s are over the largest, as in the authors' code. The embedding's rank stands for the accuracy. Such a direction has no gradient left and goes by weight decay " +
		"alone, of which short runs have little: that its variance is still there is no proof that it is of use.",
	Arms: []Arm{
		{Name: "√(s + 0.1)", Method: "byol", Set: []string{"method.predictor_form=direct", "method.direct.epsilon=0", "method.direct.constant=-0.1"}},
		{Name: "√max(s - 0.1, 0)", Method: "byol", Set: []string{"method.predictor_form=direct", "method.direct.epsilon=0", "method.direct.constant=0.1"}}},
	Shows:  []Metric{EffectiveRank, Loss, KNN},
	Expect: []Expectation{more(EffectiveRank, "√(s + 0.1)", "√max(s - 0.1, 0)", 0)},
	Effect: &Effect{Metric: EffectiveRank, Arm: "√(s + 0.1)", Of: "√max(s - 0.1, 0)", LogScale: true},
}
