// SPDX-License-Identifier: Apache-2.0

package lab

var barlowSmall = Arm{Name: "Barlow Twins, batch 64", Method: "barlowtwins", Set: []string{"train.batch=64"}}

var bar04 = Experiment{
	ID: "BAR-04", Method: "barlowtwins", NeedsLabels: true,
	Question: "Does Barlow Twins need large batches?",
	Claim:    "Barlow Twins, which compares features and not images, loses less in small batches than SimCLR.",
	Source:   "Zbontar et al. 2021, arXiv:2103.03230, figure 2",
	Reported: "a figure: best at 1,024 with 71.7, and hardly less at 256, where SimCLR has lost some four points",
	Scale:    "Batches of 64 against 256, at the same number of images. A batch of 64 estimates the correlations of 256 features from fewer rows than features.",
	Arms:     []Arm{barlow, barlowSmall, simclr, simclrSmall},
	Shows:    []Metric{KNN, EffectiveRank, MeanCosine},
	Expect: []Expectation{
		survives("Barlow Twins, batch 64"),
		loses(KNN, step{"SimCLR", "SimCLR, batch 64"}, step{"Barlow Twins", "Barlow Twins, batch 64"}),
	},
	Effect: &Effect{Metric: KNN, Arm: "Barlow Twins, batch 64", Of: "SimCLR, batch 64"},
}
