// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var din01 = Experiment{
	ID: "DIN-01", Method: "dino",
	Question: "What happens to DINO without centring?",
	Claim:    "Without centring one output dominates: the entropy of the teacher's outputs goes to 0, and the images fall into few of them.",
	Source:   "Caron et al. 2021, arXiv:2104.14294, figure 7",
	Reported: "curves: the teacher's entropy goes to 0, and its divergence from the student, too",
	Arms: []Arm{
		dino,
		{Name: "without centring", Method: "dino", Set: []string{"method.centring=false"}},
	},
	Shows:  []Metric{Perplexity, Information, Individual, "terms.outputs_in_use", MeanCosine, Loss},
	Expect: []Expectation{collapses("without centring", collapse.FewClusters, collapse.OneCluster)},
	Effect: &Effect{Metric: Perplexity, Arm: "DINO", Of: "without centring", LogScale: true},
}
