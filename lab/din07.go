// SPDX-License-Identifier: Apache-2.0

package lab

var din07 = Experiment{
	ID: "DIN-07", Method: "dino",
	Question: "Does DINO need large batches?",
	Claim:    "No: it is nearly as good in small ones, and does not collapse in them.",
	Source:   "Caron et al. 2021, arXiv:2104.14294, table 9",
	Reported: "k-NN 57.9, 59.1, 59.6 and 59.9 for batches of 128, 256, 512 and 1,024; 35.2 for batches of 8 after 50 epochs (ImageNet, ViT-S/16)",
	Scale:    "All arms see as many images. Two points of accuracy cannot be told in runs this short: what is tested is collapse.",
	Arms: []Arm{
		dino,
		{Name: "batch 64", Method: "dino", Set: []string{"train.batch=64"}},
		{Name: "batch 32", Method: "dino", Set: []string{"train.batch=32"}},
		dinoCopy,
	},
	Shows:  []Metric{Information, Perplexity, MeanCosine, EffectiveRank, KNN},
	Expect: []Expectation{survives("batch 64"), survives("batch 32"), visible("the student itself as teacher")},
}
