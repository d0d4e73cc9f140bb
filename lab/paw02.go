// SPDX-License-Identifier: Apache-2.0

package lab

var paw02 = Experiment{
	ID: "PAW-02", Method: "paws", NeedsLabels: true, Switch: "balanced clusters",
	Question: "What does PAWS's term for the mean prediction do?",
	Claim:    "Without it the classes are predicted less evenly.",
	Source:   "Assran et al. 2021, arXiv:2104.13963, ablation; from memory",
	Reported: "small, with the default weight of 1 from the code",
	Scale:    "The entropy of a batch's mean prediction, which is too low by the batch's size in both arms alike.",
	Arms: []Arm{
		paws,
		{Name: "without mean entropy", Method: "paws", Set: []string{"method.me_max=0"}},
	},
	Shows:  []Metric{"terms.mean_entropy", KNN, MeanCosine},
	Expect: []Expectation{more("terms.mean_entropy", "PAWS", "without mean entropy", 0)},
	Effect: &Effect{Metric: "terms.mean_entropy", Arm: "PAWS", Of: "without mean entropy"},
}
