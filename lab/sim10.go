// SPDX-License-Identifier: Apache-2.0

package lab

var sim10 = Experiment{
	ID: "SIM-10", Method: "simsiam",
	Question: "Is it the cosine in SimSiam's loss that prevents collapse?",
	Claim:    "No: with the cross-entropy of softmaxes in place of the cosine SimSiam is less good, and does not collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 4.5",
	Reported: "linear accuracy 63.2 with cross-entropy, 68.1 with the cosine",
	Arms:     []Arm{simsiam, simsiamEntropy, simsiamNoStop},
	Shows:    []Metric{EffectiveRank, Std, MeanCosine, KNN},
	Expect:   []Expectation{survives("cross-entropy"), visible("without stop-gradient")},
}
