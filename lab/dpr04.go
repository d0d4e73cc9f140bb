// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var dpr04 = Experiment{
	ID: "DPR-04", Method: "byol", Switch: "predictor",
	Question: "Can a predictor that learns faster than the rest do what BYOL's slow target does?",
	Claim:    "Without momentum a symmetric linear predictor collapses at the rate of the rest of the network, and does not at a higher one.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, figure 6",
	Reported: "a figure, of STL-10 and CIFAR-10: above the rate of the rest it works",
	Scale:    "The factor is 10, at which BYOL's own paper finds the target dispensable (table 21); far too high a rate would keep the embedding from growing.",
	Arms: []Arm{byolLinear, byolSymmetricNoMomentum,
		{Name: "ten times the rate", Method: "byol", Set: append(slices.Clone(byolSymmetricNoMomentum.Set), "method.predictor_rate_factor=10")}},
	Shows:  []Metric{EffectiveRank, MeanCosine, KNN},
	Expect: []Expectation{collapses("symmetric predictor, without momentum"), survives("ten times the rate")},
	Effect: &Effect{Metric: EffectiveRank, Arm: "ten times the rate", Of: "symmetric predictor, without momentum", LogScale: true},
}
