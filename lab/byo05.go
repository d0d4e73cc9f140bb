// SPDX-License-Identifier: Apache-2.0

package lab

var byolSmall = Arm{Name: "BYOL, batch 64", Method: "byol", Set: []string{"train.batch=64"}}

var byo05 = Experiment{
	ID: "BYO-05", Method: "byol", NeedsLabels: true,
	Question: "Does BYOL need large batches as little as it needs negatives?",
	Claim:    "At the same number of epochs BYOL loses less accuracy than SimCLR when the batch is small.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, figure 3a",
	Reported: "a figure: BYOL almost flat from batches of 4,096 down to 256, where SimCLR drops; at their best 72.5 and 67.1 as Barlow Twins' paper quotes them",
	Scale:    "Batches of 256 and 64, which see the same images: the small ones take four times as many steps, of which short runs have too few.",
	Arms:     []Arm{byol, byolSmall, simclr, simclrSmall},
	Shows:    []Metric{KNN, EffectiveRank, MeanCosine},
	Expect: []Expectation{
		survives("BYOL, batch 64"),
		loses(KNN, step{"SimCLR", "SimCLR, batch 64"}, step{"BYOL", "BYOL, batch 64"}),
	},
}
