// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var au02 = Experiment{
	ID: "AU-02", Method: "simclr", NeedsLabels: true, Switch: "other",
	Question: "Do alignment and uniformity tell how good features are?",
	Claim:    "Over many encoders, those whose embeddings are well aligned and uniform at once have the better features.",
	Source:   "Wang & Isola 2020, arXiv:2005.10242, abstract",
	Reported: "strong agreement between both metrics and downstream performance; no number in the abstract",
	Scale: "The sum of both, which the paper also trains on, ranks eight runs of SimCLR. Alignment is measured under each run's own augmentation, which makes it easier " +
		"for those that lack some of it.",
	Arms:   contrastiveSweep,
	Shows:  []Metric{AlignmentUniformity, Alignment, Uniformity, KNN},
	Expect: []Expectation{foretells(AlignmentUniformity, -1, names(contrastiveSweep)...)},
}

var contrastiveSweep = slices.Concat(simclrSweep, []Arm{simclrNoNegatives, simclrNoColour, simclrNoCrop})
