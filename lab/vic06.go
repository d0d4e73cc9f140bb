// SPDX-License-Identifier: Apache-2.0

package lab

var vic06 = Experiment{
	ID: "VIC-06", Method: "vicreg", Switch: "variance and covariance",
	Question:   "Do VICReg's terms rescue SimSiam without predictor and batch norm?",
	Claim:      "SimSiam without predictor and batch norm collapses, and does not with VICReg's variance term added, better still with the covariance term.",
	Source:     "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 4",
	Reported:   "SimSiam without predictor and batch norm: collapse; with the variance term 56.8, with both 66.1",
	Untestable: "no method here has the terms of VICReg beside a loss of its own",
}
