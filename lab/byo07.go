// SPDX-License-Identifier: Apache-2.0

package lab

var byo07 = Experiment{
	ID: "BYO-07", Method: "byol", NeedsLabels: true,
	Question: "Can a network become better than the one whose outputs it learns to predict?",
	Claim:    "Yes: predicting a fixed random network from other views gives better features than that network has, which is why BYOL goes on to predict what it has learnt.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, section 3",
	Reported: "linear accuracy 18.8, of the random network itself 1.4",
	Scale:    "The target is a copy of the network before training, so its accuracy is that of the first evaluation.",
	Arms:     []Arm{byol, byolFixed},
	Shows:    []Metric{KNN, EffectiveRank, Loss},
	Expect:   []Expectation{gains("fixed random target", knnGain)},
}
