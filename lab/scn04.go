// SPDX-License-Identifier: Apache-2.0

package lab

var scn04 = Experiment{
	ID: "SCN-04", Method: "scan", NeedsLabels: true, Switch: "positives",
	Question: "Are an image's neighbours of its own kind, and does clustering by them make the features better?",
	Claim:    "Most of the nearest neighbours by a pretext's features show the same class, so that SCAN's encoder, trained on them, becomes better than its pretext.",
	Source:   "Van Gansbeke et al. 2020, arXiv:2005.12320, section 2.1",
	Reported: "a figure of the neighbours; after clustering 81.6 % of CIFAR-10 are in the cluster of their class (README of the code)",
	Scale:    "The pretext of the paper trains for hundreds of epochs. After a run of minutes its neighbours are of another class more often, and clustering teaches their mistakes.",
	Arms:     []Arm{scan},
	Shows:    []Metric{KNNAfter, KNNBefore, Purity, Matched},
	Expect: []Expectation{
		above(Purity, "SCAN", 0.5),
		exceeds(KNNAfter, KNNBefore, "SCAN", 0),
	},
	Effect: &Effect{Metric: KNNAfter, Arm: "SCAN", Of: "SCAN", Than: KNNBefore},
}
