// SPDX-License-Identifier: Apache-2.0

package lab

var vic05 = Experiment{
	ID: "VIC-05", Method: "vicreg",
	Question: "Must VICReg's coefficients be large?",
	Claim:    "VICReg collapses with λ, µ, ν of 1, 1, 1, of 1, 10, 1 and of 10, 1, 1, and does not where λ and µ are equal and large.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 7",
	Reported: "1, 1, 1; 1, 10, 1; 10, 1, 1: \"collapse\"; 5, 5, 1: 68.1; 10, 10, 1: 68.2; 25, 25, 1: 68.6",
	Scale:    "The covariance term grows with the width of the embedding, 8,192 there and 256 here, and the optimiser is another, so the point at which it wins may not be reached.",
	Arms:     []Arm{vicreg, vicregOnes, vicregVariance, vicregDrawn},
	Shows:    []Metric{MeanCosine, RawStd, EffectiveRank},
	Expect: []Expectation{
		collapses("1, 1, 1"),
		collapses("1, 10, 1"),
		collapses("10, 1, 1"),
	},
	Effect: &Effect{Metric: MeanCosine, Arm: "1, 1, 1", Of: "VICReg"},
}
