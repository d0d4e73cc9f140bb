// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var dbn02 = Experiment{
	ID: "DBN-02", Method: "wmse", Switch: "whitening",
	Question: "Does it suffice to standardise each dimension of the embedding?",
	Claim:    "Batch norm at the end prevents that all embeddings become one point, but leaves dimensions that say the same; decorrelating them prevents that, too.",
	Source:   "Hua et al. 2021, arXiv:2105.00470, abstract",
	Reported: "complete collapse without, dimensional collapse with standardisation; no number",
	Scale:    "W-MSE without whitening stands for the plain loss of the paper, its whitening for decorrelated batch norm.",
	Arms: []Arm{
		wmse,
		{Name: "standardised", Method: "wmse", Set: []string{"method.whitening=false", "method.projector.output_norm=true"}},
		wmseNoWhite,
	},
	Shows: []Metric{Participation, Correlation, MeanCosine, EffectiveRank},
	Expect: []Expectation{
		collapses("without whitening", collapse.Complete, collapse.Collapsing),
		collapses("standardised", collapse.Dimensional),
	},
	Effect: &Effect{Metric: Correlation, Arm: "standardised", Of: "W-MSE"},
}
