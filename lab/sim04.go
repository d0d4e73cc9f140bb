// SPDX-License-Identifier: Apache-2.0

package lab

var sim04 = Experiment{
	ID: "SIM-04", Method: "simsiam", NeedsLabels: true,
	Question: "Must the learning rate of SimSiam's predictor stay as high as it began?",
	Claim:    "It is a little better so, and no matter of collapse: the predictor should go on adapting to the newest embeddings.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 1c",
	Reported: "linear accuracy 68.1 at a constant rate, 67.7 at one that decays as the others",
	Scale:    "Half a point cannot be told here: a difference below 0.04 stands for a little.",
	Arms:     []Arm{simsiam, {Name: "the predictor's rate decays", Method: "simsiam", Set: []string{"method.predictor_rate=scheduled"}}, simsiamNoStop},
	Shows:    []Metric{KNN, EffectiveRank, MeanCosine},
	Expect: []Expectation{
		survives("the predictor's rate decays"), near(KNN, "the predictor's rate decays", "SimSiam", 0.04), visible("without stop-gradient"),
	},
}
