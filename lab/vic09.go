// SPDX-License-Identifier: Apache-2.0

package lab

var vic09 = Experiment{
	ID: "VIC-09", Method: "vicreg", NeedsLabels: true,
	Question: "Should VICReg's embeddings be standardised, too?",
	Claim:    "It makes no difference, for the variance term holds their deviation already.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 8",
	Reported: "68.6 as they are and 68.4 standardised; 67.4 and 67.2 without batch norm in the projector; 65.1 when scaled to length 1 (ImageNet, ResNet-50, 100 epochs, linear)",
	Scale:    "A difference below 0.04 stands for none. Embeddings of length 1 are no setting here, and a projector without batch norm is VIC-07's question.",
	Arms: []Arm{
		vicreg,
		{Name: "standardised", Method: "vicreg", Set: []string{"method.projector.output_norm=true"}},
		vicregInvariance,
	},
	Shows:  []Metric{KNN, EffectiveRank, RawStd},
	Expect: []Expectation{survives("standardised"), near(KNN, "standardised", "VICReg", 0.04), visible("invariance alone")},
}
