// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var vic01 = Experiment{
	ID: "VIC-01", Method: "vicreg",
	Question: "What becomes of VICReg when its two views are only drawn together?",
	Claim:    "With the invariance term alone the embeddings become one point: nothing in the loss holds them apart.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 7",
	Reported: "λ = 1, µ = ν = 0: \"collapse\"; 68.6 with all three terms (ImageNet, ResNet-50, 100 epochs, linear)",
	Arms:     []Arm{vicreg, vicregInvariance},
	Shows:    []Metric{MeanCosine, RawStd, Loss},
	Expect:   []Expectation{collapses("invariance alone", collapse.Complete, collapse.Collapsing)},
	Effect:   &Effect{Metric: MeanCosine, Arm: "invariance alone", Of: "VICReg"},
}
