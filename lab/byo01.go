// SPDX-License-Identifier: Apache-2.0

package lab

var byo01 = Experiment{
	ID: "BYO-01", Method: "byol",
	Question: "BYOL's target network follows the trained one slowly. What happens when it is the trained one itself?",
	Claim:    "Without momentum the embedding collapses.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, table 5a",
	Reported: "linear accuracy 18.8, 69.8, 72.5, 68.4 and 0.3 for a momentum of 1, 0.999, 0.99, 0.9 and 0. Against it: 67.7 without momentum (Chen & He 2021, figure 2)",
	Scale: "Published results contradict one another: it depends on the predictor, its learning rate and the weight decay. This is BYOL with SGD and small heads, " +
		"which are nearer to SimSiam's.",
	Arms:   []Arm{byol, byolNoMomentum, byolNoPredictor},
	Shows:  []Metric{MeanCosine, EffectiveRank, KNN},
	Expect: []Expectation{collapses("without momentum"), visible("without predictor")},
	Effect: &Effect{Metric: MeanCosine, Arm: "without momentum", Of: "BYOL"},
}
