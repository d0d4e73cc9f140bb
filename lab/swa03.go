// SPDX-License-Identifier: Apache-2.0

package lab

var swa03 = Experiment{
	ID: "SWA-03", Method: "swav", NeedsLabels: true,
	Question: "Must SwAV's prototypes be trained?",
	Claim:    "Hardly: prototypes that stay at random are nearly as good.",
	Source:   "Caron et al. 2020, arXiv:2006.09882, ablations; figures from memory",
	Reported: "73.1 with random prototypes, 73.9 with trained ones",
	Arms: []Arm{
		swav,
		{Name: "prototypes at random", Method: "swav", Set: []string{"method.freeze_epochs=1000000"}},
	},
	Shows: []Metric{KNN, Perplexity, Information, EffectiveRank},
	Expect: []Expectation{
		survives("prototypes at random"),
		near(KNN, "prototypes at random", "SwAV", 0.03),
	},
}
