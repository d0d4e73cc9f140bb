// SPDX-License-Identifier: Apache-2.0

package lab

var sim15 = Experiment{
	ID: "SIM-15", Method: "simsiam", Switch: "stop-gradient",
	Question: "Which of SimSiam's parts prevents collapse?",
	Claim:    "The stop-gradient. The batch size and its optimiser, batch norm, the similarity and the symmetric loss have to do with accuracy, and not with collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 4.7, which sums up sections 4.1 to 4.6",
	Reported: "linear accuracy 68.1; 68.0 in batches of 1024 with SGD, 67.4 without batch norm at the projector's output, 63.2 with cross-entropy, 64.8 in one direction; 0.1 without stop-gradient",
	Scale:    "Of batch norm only that at the output is taken away: without that of the hidden layers too, short runs do not get going.",
	Arms:     []Arm{simsiam, simsiamNoStop, simsiamLarge, simsiamHidden, simsiamEntropy, simsiamOneWay},
	Shows:    []Metric{EffectiveRank, MeanCosine, Std},
	Expect: []Expectation{
		collapses("without stop-gradient"),
		survives("batch 1024"), survives("batch norm in hidden layers only"), survives("cross-entropy"), survives("one direction"),
	},
}
