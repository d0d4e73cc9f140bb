// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var clr04 = Experiment{
	ID: "CLR-04", Method: "simclr",
	Question: "What becomes of SimCLR without negatives?",
	Claim:    "When positives are only drawn together, all embeddings become one point.",
	Source:   "Chen et al. 2020, arXiv:2002.05709, section 2; Wang & Isola 2020, arXiv:2005.10242",
	Reported: "an argument; Grill et al. 2020, arXiv:2006.07733, table 5b, report 0.1 without predictor, target and negatives, and 69.4 with the negatives",
	Arms:     []Arm{simclr, simclrNoNegatives},
	Shows:    []Metric{MeanCosine, EffectiveRank, Loss},
	Expect:   []Expectation{collapses("without negatives", collapse.Complete, collapse.Collapsing)},
	Effect:   &Effect{Metric: MeanCosine, Arm: "without negatives", Of: "SimCLR"},
}
