// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var zhg02 = Experiment{
	ID: "ZHG-02", Method: "simsiam",
	Question: "How little of a predictor is enough?",
	Claim:    "One vector that is added to the embedding: it takes their common centre out of what is drawn together.",
	Source:   "Zhang et al. 2022, arXiv:2203.16262, section 4, as summarised",
	Reported: "a single bias layer suffices to prevent collapse; no number was to be had",
	Scale:    "The vector is added to the embedding at length 1, of which the paper's analysis is. Only a collapse to one point opposes: a centre that is held back says nothing of directions.",
	Arms: []Arm{
		simsiam,
		{Name: "a vector as predictor", Method: "simsiam", Set: []string{"method.predictor_form=bias"}},
		simsiamNoPredictor,
	},
	Shows: []Metric{MeanCosine, EffectiveRank, Loss},
	Expect: []Expectation{
		survives("a vector as predictor", collapse.Complete, collapse.Collapsing),
		visible("without predictor"),
	},
	Effect: &Effect{Metric: MeanCosine, Arm: "without predictor", Of: "a vector as predictor"},
}
