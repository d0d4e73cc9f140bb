// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var vic04 = Experiment{
	ID: "VIC-04", Method: "vicreg",
	Question: "What does VICReg lose without its covariance term?",
	Claim:    "Without the covariance term the embeddings keep their variance but lose dimensions, and the features are worse.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 7",
	Reported: "λ = µ = 1, ν = 0: 57.5 against 68.6",
	Scale:    "The standard deviation of this arm looks perfect; only ranks and correlations show what it lost.",
	Arms:     []Arm{vicreg, vicregNoCovariance},
	Shows:    []Metric{Participation, EffectiveRank, Correlation, Std},
	Expect:   []Expectation{collapses("without the covariance term", collapse.Dimensional)},
	Effect:   &Effect{Metric: Participation, Arm: "VICReg", Of: "without the covariance term", LogScale: true},
}
