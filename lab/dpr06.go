// SPDX-License-Identifier: Apache-2.0

package lab

var dpr06 = Experiment{
	ID: "DPR-06", Method: "byol", Switch: "predictor",
	Question: "How much should be added to the eigenvalues of a predictor that is set?",
	Claim:    "A little: 0.1 of the largest is best, and half of it as bad as training the predictor.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 6",
	Reported: "STL-10, linear accuracy 76.8, 77.1, 77.9 and 75.1 for 0, 0.01, 0.1 and 0.5",
	Untestable: "the differences are of one to three points of accuracy, which 200 steps of a small network and 2,000 queries cannot tell apart: two standard errors are " +
		"two points; method.direct.epsilon is there for longer runs",
}
