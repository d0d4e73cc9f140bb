// SPDX-License-Identifier: Apache-2.0

package lab

var sim11 = Experiment{
	ID: "SIM-11", Method: "simsiam",
	Question: "SimSiam predicts each view from the other. Does it collapse when only the second is predicted from the first?",
	Claim:    "No: one direction costs accuracy, most of which comes back with two pairs for each image, and it does not collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 4.6",
	Reported: "linear accuracy 68.1 in both directions, 64.8 in one, 67.3 in one with two pairs for each image",
	Scale:    "What is tested is collapse: three points of accuracy cannot be told in runs this short.",
	Arms:     []Arm{simsiam, simsiamOneWay, simsiamNoStop},
	Shows:    []Metric{EffectiveRank, Std, KNN},
	Expect:   []Expectation{survives("one direction"), visible("without stop-gradient")},
}
