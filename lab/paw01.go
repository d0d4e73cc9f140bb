// SPDX-License-Identifier: Apache-2.0

package lab

var paw01 = Experiment{
	ID: "PAW-01", Method: "paws", NeedsLabels: true,
	Question: "What keeps PAWS's predictions from becoming all alike?",
	Claim:    "Sharpened targets, with as many labelled images of each class, exclude that all embeddings are equal; without sharpening predictions may be flat, and nothing makes them certain.",
	Source:   "Assran et al. 2021, arXiv:2104.13963, proposition 1",
	Reported: "a proof",
	Scale:    "The term that spreads the mean prediction is left out of the last arm, too, because it rewards certain predictions itself once they are balanced.",
	Arms: []Arm{
		paws,
		{Name: "without sharpening", Method: "paws", Set: []string{"method.sharpen=1"}},
		{Name: "without sharpening and mean entropy", Method: "paws", Set: []string{"method.sharpen=1", "method.me_max=0"}},
	},
	Shows: []Metric{"terms.cross_entropy", "terms.mean_entropy", MeanCosine, KNN},
	Expect: []Expectation{
		more("terms.cross_entropy", "without sharpening", "PAWS", 0.2),
		more("terms.cross_entropy", "without sharpening and mean entropy", "PAWS", 0.2),
	},
	Effect: &Effect{Metric: "terms.cross_entropy", Arm: "without sharpening and mean entropy", Of: "PAWS"},
}
