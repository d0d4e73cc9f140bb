// SPDX-License-Identifier: Apache-2.0

package lab

var byo08 = Experiment{
	ID: "BYO-08", Method: "byol", Switch: "views", NeedsLabels: true,
	Question: "BYOL predicts each view from the other. What does one direction alone cost, at as many steps and at as many predictions?",
	Claim:    "One direction does not collapse, and with as many predictions, which are twice the steps, it is nearly as good.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 4.6, of SimSiam; put to BYOL here",
	Reported: "SimSiam: linear accuracy 68.1 in both directions, 64.8 in one, 67.3 in one with as many predictions",
	Scale:    "The accuracy of neighbours stands for the linear one, and a difference below 0.04 for nearly as good.",
	Arms: []Arm{byol,
		{Name: "one direction", Method: "byol", Set: []string{"method.symmetric=false"}},
		{Name: "one direction, twice the steps", Method: "byol", Set: []string{"method.symmetric=false"}, Length: 2}, byolNoPredictor},
	Shows: []Metric{KNN, EffectiveRank, MeanCosine},
	Expect: []Expectation{
		survives("one direction"), survives("one direction, twice the steps"),
		near(KNN, "one direction, twice the steps", "BYOL", 0.04), visible("without predictor"),
	},
}
