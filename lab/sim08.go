// SPDX-License-Identifier: Apache-2.0

package lab

var sim08 = Experiment{
	ID: "SIM-08", Method: "simsiam", NeedsLabels: true,
	Question: "Where in SimSiam's heads is batch norm needed?",
	Claim:    "In the hidden layers: there it doubles the accuracy. At the projector's output it adds little.",
	Source:   "Chen & He 2021, arXiv:2011.10566, tables 3a to 3c",
	Reported: "linear accuracy 34.6 without, 67.4 in hidden layers only, 68.1 at the projector's output as well",
	Scale:    "The accuracy of neighbours stands for the linear one, and a difference below 0.05 for little: 0.7 points cannot be told in runs this short.",
	Arms:     []Arm{simsiam, simsiamHidden, simsiamNoNorm, simsiamNoStop},
	Shows:    []Metric{KNN, EffectiveRank, MeanCosine},
	Expect: []Expectation{
		survives("batch norm in hidden layers only"),
		more(KNN, "batch norm in hidden layers only", "without batch norm in the heads", knnGain),
		near(KNN, "batch norm in hidden layers only", "SimSiam", 0.05),
		visible("without stop-gradient"),
	},
	Effect: &Effect{Metric: KNN, Arm: "batch norm in hidden layers only", Of: "without batch norm in the heads"},
}
