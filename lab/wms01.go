// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var wms01 = Experiment{
	ID: "WMS-01", Method: "wmse",
	Question: "Is whitening what keeps W-MSE from collapsing?",
	Claim:    "Without whitening the distance between positives has a trivial solution, and all embeddings become one point; with it no negatives are needed.",
	Source:   "Ermolov et al. 2021, arXiv:2007.06346, abstract",
	Reported: "an argument, no number",
	Arms:     []Arm{wmse, wmseNoWhite},
	Shows:    []Metric{MeanCosine, Std, EffectiveRank, Loss},
	Expect:   []Expectation{collapses("without whitening", collapse.Complete, collapse.Collapsing)},
	Effect:   &Effect{Metric: MeanCosine, Arm: "without whitening", Of: "W-MSE"},
}
