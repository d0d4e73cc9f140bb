// SPDX-License-Identifier: Apache-2.0

package lab

var byo02 = Experiment{
	ID: "BYO-02", Method: "byol", NeedsLabels: true,
	Question: "Does BYOL collapse when its target stays at its random start?",
	Claim:    "No: to predict a fixed random network is a poor task, but no collapse, and more is learnt than the random network knows.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, table 5a and section 3",
	Reported: "linear accuracy 18.8 with a fixed target, 72.5 with one that follows, 1.4 of the random network itself",
	Scale:    "That the fixed target is the worse one takes longer runs to show.",
	Arms:     []Arm{byol, byolFixed, byolNoPredictor},
	Shows:    []Metric{Std, EffectiveRank, KNN},
	Expect:   []Expectation{survives("fixed random target"), gains("fixed random target", knnGain), visible("without predictor")},
}
