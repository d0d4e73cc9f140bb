// SPDX-License-Identifier: Apache-2.0

package lab

var vic10 = Experiment{
	ID: "VIC-10", Method: "vicreg", NeedsLabels: true,
	Question: "How wide should VICReg's projector be?",
	Claim:    "The wider the better; no width makes it collapse.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 12",
	Reported: "55.9, 59.2, 62.4, 65.1, 67.3, 68.6 and 68.8 for 256, 512 ... 16,384 (ImageNet, ResNet-50, 100 epochs, linear)",
	Scale:    "64, 256 and 1,024 over 64 features, against 256 and more over 2,048. Thirteen points lie between the published ends, and they may show; those between neighbours will not.",
	Arms: []Arm{
		vicreg,
		{Name: "width 64", Method: "vicreg", Set: []string{"method.projector.widths=[64, 64, 64]"}},
		{Name: "width 1,024", Method: "vicreg", Set: []string{"method.projector.widths=[1024, 1024, 1024]"}},
	},
	Shows:  []Metric{KNN, EffectiveRank, FeatureRank},
	Expect: []Expectation{survives("width 64"), survives("width 1,024"), more(KNN, "width 1,024", "width 64", 0)},
	Effect: &Effect{Metric: KNN, Arm: "width 1,024", Of: "width 64"},
}
