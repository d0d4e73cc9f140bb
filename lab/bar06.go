// SPDX-License-Identifier: Apache-2.0

package lab

var bar06 = Experiment{
	ID: "BAR-06", Method: "barlowtwins", NeedsLabels: true,
	Question: "How exactly must the weight of Barlow Twins' redundancy term be chosen?",
	Claim:    "It hardly matters over a factor of ten.",
	Source:   "Zbontar et al. 2021, arXiv:2103.03230, figure 5",
	Reported: "λ from 0.002 to 0.02: 70.8 to 71.6 (ImageNet, ResNet-50, 300 epochs, linear)",
	Scale:    "There are 256 features here, not 8,192, and so fewer pairs for the term to sum over. A difference below 0.04 stands for hardly any.",
	Arms: []Arm{
		barlow, // λ is 0.0051
		{Name: "λ 0.002", Method: "barlowtwins", Set: []string{"method.lambda=0.002"}},
		{Name: "λ 0.02", Method: "barlowtwins", Set: []string{"method.lambda=0.02"}},
	},
	Shows: []Metric{KNN, EffectiveRank, Participation},
	Expect: []Expectation{
		survives("λ 0.002"), survives("λ 0.02"),
		near(KNN, "λ 0.002", "Barlow Twins", 0.04), near(KNN, "λ 0.02", "Barlow Twins", 0.04),
	},
}
