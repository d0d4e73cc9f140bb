// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var au01 = Experiment{
	ID: "AU-01", Method: "simclr",
	Question: "Are alignment and uniformity the two things that a contrastive loss does?",
	Claim:    "Aligned positives alone are solved by one point, with no uniformity; a contrastive loss raises alignment and uniformity together.",
	Source:   "Wang & Isola 2020, arXiv:2005.10242, abstract",
	Reported: "a theorem on the limit of many negatives, no number",
	Scale:    "The two losses of the paper are not trained here: SimCLR's attraction stands for alignment, its repulsion for uniformity.",
	Arms:     []Arm{simclr, simclrNoNegatives},
	Shows:    []Metric{Uniformity, Alignment, MeanCosine},
	Expect: []Expectation{
		collapses("without negatives", collapse.Complete, collapse.Collapsing),
		above(Uniformity, "without negatives", -0.5),
		below(Uniformity, "SimCLR", -2),
	},
	Effect: &Effect{Metric: Uniformity, Arm: "without negatives", Of: "SimCLR"},
}
