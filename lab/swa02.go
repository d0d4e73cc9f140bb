// SPDX-License-Identifier: Apache-2.0

package lab

var swa02 = Experiment{
	ID: "SWA-02", Method: "swav", NeedsLabels: true,
	Question: "Does the number of SwAV's prototypes matter?",
	Claim:    "It hardly matters how many prototypes there are, as long as there are enough.",
	Source:   "Caron et al. 2020, arXiv:2006.09882, appendix C.1",
	Reported: "3,000 to 100,000 prototypes: at most 0.3 apart (ImageNet, ResNet-50, linear)",
	Scale:    "16, 64 and 256 prototypes for data of some ten classes, against 300 and more for 1,000.",
	Arms: []Arm{
		swav,
		{Name: "16 prototypes", Method: "swav", Set: []string{"method.prototypes=16"}},
		{Name: "256 prototypes", Method: "swav", Set: []string{"method.prototypes=256"}},
	},
	Shows: []Metric{KNN, Perplexity, EffectiveRank},
	Expect: []Expectation{
		near(KNN, "16 prototypes", "SwAV", 0.03),
		near(KNN, "256 prototypes", "SwAV", 0.03),
	},
}
