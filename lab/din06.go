// SPDX-License-Identifier: Apache-2.0

package lab

var din06 = Experiment{
	ID: "DIN-06", Method: "dino", NeedsLabels: true,
	Question: "May the mean that centres DINO's teacher be a slow one?",
	Claim:    "It may forget at once or within a hundred steps; one that takes a thousand comes too late.",
	Source:   "Caron et al. 2021, arXiv:2104.14294, appendix D; figures from memory",
	Reported: "momenta of 0, 0.9 and 0.99 work, 0.999 has 0.1",
	Scale:    "In 200 steps a mean with momentum 0.999 has come a fifth of the way.",
	Arms: []Arm{
		dino,
		{Name: "centre momentum 0", Method: "dino", Set: []string{"method.centre_momentum=0"}},
		{Name: "centre momentum 0.999", Method: "dino", Set: []string{"method.centre_momentum=0.999"}},
	},
	Shows: []Metric{Information, Perplexity, KNN, MeanCosine},
	Expect: []Expectation{
		survives("centre momentum 0"),
		fails("centre momentum 0.999"),
	},
}
