// SPDX-License-Identifier: Apache-2.0

package lab

var bar02 = Experiment{
	ID: "BAR-02", Method: "barlowtwins", NeedsLabels: true,
	Question: "Does Barlow Twins need batch norm in its projector?",
	Claim:    "Without batch norm in the projector Barlow Twins is as good, for its loss standardises each feature over the batch itself.",
	Source:   "Zbontar et al. 2021, arXiv:2103.03230, table 5",
	Reported: "71.4 with it, 71.2 without; 53.4 without that of the loss, too (ImageNet, ResNet-50, 300 epochs, linear)",
	Scale:    "The row without any normalisation is no setting here: a correlation that is not normalised is none. A difference below 0.04 stands for as good.",
	Arms: []Arm{
		barlow,
		{Name: "without batch norm in the projector", Method: "barlowtwins", Set: []string{"method.projector.norm=none"}},
	},
	Shows: []Metric{KNN, EffectiveRank, Participation, MeanCosine},
	Expect: []Expectation{
		survives("without batch norm in the projector"),
		near(KNN, "without batch norm in the projector", "Barlow Twins", 0.04),
	},
}
