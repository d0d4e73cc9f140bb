// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var vic02 = Experiment{
	ID: "VIC-02", Method: "vicreg",
	Question: "Can VICReg's covariance term alone keep the embeddings apart?",
	Claim:    "Without the variance term VICReg collapses: the covariance term repels nothing, and is least where all embeddings are equal.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 7",
	Reported: "λ = 25, µ = 0, ν = 1: \"collapse\"; 68.6 with all three terms",
	Scale:    "The rank of what is left around the point grows while it shrinks, so a rank alone would call this arm the better one.",
	Arms:     []Arm{vicreg, vicregNoVariance},
	Shows:    []Metric{MeanCosine, RawStd, EffectiveRank, Loss},
	Expect:   []Expectation{collapses("without the variance term", collapse.Complete, collapse.Collapsing)},
	Effect:   &Effect{Metric: MeanCosine, Arm: "without the variance term", Of: "VICReg"},
}
