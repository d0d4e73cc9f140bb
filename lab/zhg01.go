// SPDX-License-Identifier: Apache-2.0

package lab

var zhg01 = Experiment{
	ID: "ZHG-01", Method: "simsiam",
	Question: "Is it SimSiam's predictor that prevents collapse, or that its two sides differ?",
	Claim:    "That they differ: where the gradient flows through both sides, embeddings collapse with a predictor and without.",
	Source:   "Zhang et al. 2022, arXiv:2203.16262, section 2, as summarised",
	Reported: "both symmetric networks collapse; no number was to be had",
	Scale:    "That the predictor does not stand for an expectation over augmentations, the paper's other finding there, is no question of collapse.",
	Arms: []Arm{
		simsiam,
		simsiamNoStop,
		{Name: "without stop-gradient and predictor", Method: "simsiam", Set: []string{"method.stop_gradient=false", "method.predictor_mode=none"}},
	},
	Shows: []Metric{MeanCosine, EffectiveRank, Loss},
	Expect: []Expectation{
		collapses("without stop-gradient"),
		collapses("without stop-gradient and predictor"),
	},
	Effect: &Effect{Metric: Loss, Arm: "SimSiam", Of: "without stop-gradient and predictor"},
}
