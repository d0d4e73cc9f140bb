// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"slices"

	"github.com/parallax-ssl/parallax/collapse"
)

var vic07 = Experiment{
	ID: "VIC-07", Method: "vicreg", NeedsLabels: true, Switch: "batch norm",
	Question: "Does VICReg need batch norm?",
	Claim:    "No: its terms keep the embeddings apart without batch norm, at little cost, and without its terms batch norm does not.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 4",
	Reported: "68.6 with batch norm in the projector and 67.4 without; \"collapse\" in both cases when only the views are drawn together",
	Scale: "The backbone keeps its batch norm, as in the paper. A projector without it begins with embeddings that nearly coincide: that its arm has not come out of there " +
		"is what the last rule asks for. The table's rows with a predictor are no settings of VICReg here.",
	Arms: []Arm{
		vicreg,
		vicregInvariance,
		{Name: "without batch norm", Method: "vicreg", Set: []string{"method.projector.norm=none"}},
		{Name: "invariance alone, without batch norm", Method: "vicreg", Set: append(slices.Clone(vicregInvariance.Set), "method.projector.norm=none")},
	},
	Shows: []Metric{MeanCosine, EffectiveRank, RawStd, KNN},
	Expect: []Expectation{
		survives("without batch norm"), gains("without batch norm", knnGain),
		collapses("invariance alone", collapse.Complete, collapse.Collapsing),
		above(MeanCosine, "invariance alone, without batch norm", 0.9),
	},
	Effect: &Effect{Metric: MeanCosine, Arm: "invariance alone, without batch norm", Of: "without batch norm"},
}
