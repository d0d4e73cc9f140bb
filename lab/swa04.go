// SPDX-License-Identifier: Apache-2.0

package lab

var swa04 = Experiment{
	ID: "SWA-04", Method: "swav", NeedsLabels: true,
	Question: "How exact must SwAV's codes be?",
	Claim:    "Three iterations towards equal parts are enough, and soft codes are better than hard ones.",
	Source:   "Caron et al. 2020, arXiv:2006.09882, section 3.1",
	Reported: "three iterations in all experiments; hard codes worse, no number in the text",
	Arms: []Arm{
		swav,
		{Name: "ten iterations", Method: "swav", Set: []string{"method.sinkhorn_iterations=10"}},
		{Name: "hard codes", Method: "swav", Set: []string{"method.codes=hard"}},
	},
	Shows: []Metric{KNN, Perplexity, Information, EffectiveRank},
	Expect: []Expectation{
		survives("ten iterations"),
		near(KNN, "ten iterations", "SwAV", 0.03),
		more(KNN, "SwAV", "hard codes", 0),
	},
	Effect: &Effect{Metric: KNN, Arm: "SwAV", Of: "hard codes"},
}
