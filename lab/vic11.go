// SPDX-License-Identifier: Apache-2.0

package lab

var vic11 = Experiment{
	ID: "VIC-11", Method: "vicreg",
	Question: "Does VICReg need large batches?",
	Claim:    "No: it is nearly as good in small ones, and collapses in none.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 13",
	Reported: "67.3, 67.9, 68.2, 68.3, 68.6 and 67.8 for batches of 128, 256 ... 4,096 (ImageNet, ResNet-50, 100 epochs, linear)",
	Scale:    "All arms see as many images. A point of accuracy cannot be told in runs this short: what is tested is collapse. At least 1,024 images are needed.",
	Arms: []Arm{
		vicreg,
		{Name: "batch 64", Method: "vicreg", Set: []string{"train.batch=64"}},
		{Name: "batch 1024", Method: "vicreg", Set: []string{"train.batch=1024"}},
		vicregInvariance,
	},
	Shows:  []Metric{EffectiveRank, MeanCosine, RawStd, KNN},
	Expect: []Expectation{survives("batch 64"), survives("batch 1024"), visible("invariance alone")},
}
