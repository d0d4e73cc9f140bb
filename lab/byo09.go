// SPDX-License-Identifier: Apache-2.0

package lab

var byo09 = Experiment{
	ID: "BYO-09", Method: "byol",
	Question: "Why does BYOL's target follow the trained network, and is not trained to lower the loss itself?",
	Claim:    "A target that is trained by the same loss becomes constant: the loss then goes to 0, its minimum.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, section 3.2",
	Reported: "an argument without numbers: of the variance that the predictor leaves unexplained, a constant target has none",
	Scale:    "What is measured besides the loss is the trained network's embedding, and the claim is about the target's: the loss decides.",
	Arms:     []Arm{byol, {Name: "target trained by the loss", Method: "byol", Set: []string{"method.target_mode=gradient"}}},
	Shows:    []Metric{Loss, MeanCosine, EffectiveRank},
	Expect:   []Expectation{solves("target trained by the loss", 0)},
	Effect:   &Effect{Metric: Loss, Arm: "BYOL", Of: "target trained by the loss"},
}
