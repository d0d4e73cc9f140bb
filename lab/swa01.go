// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var swa01 = Experiment{
	ID: "SWA-01", Method: "swav",
	Question: "What becomes of SwAV when the prototypes need not be used equally?",
	Claim:    "Without the equal partition of the batch, which Sinkhorn and Knopp's iterations make, every image gets the same code.",
	Source:   "Caron et al. 2020, arXiv:2006.09882, section 3.1",
	Reported: "an argument, no number",
	Arms: []Arm{
		swav,
		{Name: "without equal partition", Method: "swav", Set: []string{"method.sinkhorn=false"}},
	},
	Shows:  []Metric{Perplexity, Information, MeanCosine, "terms.prototypes_in_use", Loss},
	Expect: []Expectation{collapses("without equal partition", collapse.OneCluster, collapse.FewClusters)},
	Effect: &Effect{Metric: Perplexity, Arm: "SwAV", Of: "without equal partition", LogScale: true},
}
