// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var dpr03 = Experiment{
	ID: "DPR-03", Method: "byol", Switch: "optimiser",
	Question: "Can weight decay do what BYOL's slow target does?",
	Claim:    "With a symmetric linear predictor and without momentum BYOL collapses when nothing decays, and does not when the predictor's weights alone do.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 5",
	Reported: "STL-10, linear accuracy without momentum: 71.1 with weight decay for the predictor alone, 43.0 without any; 71.9 and 71.8 with momentum",
	Scale: "What decay does grows with the number of steps: the paper's 0.0004 over 100 epochs shrinks weights that have no gradient by several factors of e, and in 200 steps " +
		"by a few per cent. The predictor's is 0.05 here, which comes near the paper's in 200 steps.",
	Arms: []Arm{byolLinear,
		{Name: "symmetric predictor that decays, without momentum", Method: "byol", Set: slices.Concat(byolSymmetric.Set, byolNoMomentum.Set,
			[]string{"method.encoder_decay=false", "optim.weight_decay=0.05"})},
		{Name: "no decay, without momentum", Method: "byol", Set: slices.Concat(byolSymmetric.Set, byolNoMomentum.Set, []string{"optim.weight_decay=0"})}},
	Shows:  []Metric{EffectiveRank, MeanCosine, KNN},
	Expect: []Expectation{survives("symmetric predictor that decays, without momentum"), collapses("no decay, without momentum")},
	Effect: &Effect{Metric: EffectiveRank, Arm: "symmetric predictor that decays, without momentum", Of: "no decay, without momentum", LogScale: true},
}
