// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var vic03 = Experiment{
	ID: "VIC-03", Method: "vicreg", NeedsLabels: true,
	Question: "Is it enough for VICReg to spread the embeddings, without drawing the views together?",
	Claim:    "Without the invariance term nothing collapses, but no good features are learnt either.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 7, a row printed as λ = 0, µ = 25, ν = 1, and section 6",
	Reported: "\"collapse\" in the table, \"can not learn any good representations\" in the text",
	Scale:    "The table calls it a collapse. By spread and rank it is none, and the deciding metric is what neighbours in the features say, against the untrained network.",
	Arms:     []Arm{vicreg, vicregNoInvariance},
	Shows:    []Metric{KNN, EffectiveRank, MeanCosine},
	Expect: []Expectation{
		collapses("without the invariance term", collapse.Uninformative),
		more(KNN, "VICReg", "without the invariance term", knnGain),
	},
	Effect: &Effect{Metric: KNN, Arm: "VICReg", Of: "without the invariance term"},
}
