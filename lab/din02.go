// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var din02 = Experiment{
	ID: "DIN-02", Method: "dino",
	Question: "What happens to DINO without sharpening?",
	Claim:    "Without sharpening the teacher's outputs become uniform: their entropy goes to ln K, and they say nothing about the image.",
	Source:   "Caron et al. 2021, arXiv:2104.14294, figure 7",
	Reported: "curves: the entropy goes to ln K, and the divergence to 0",
	Arms: []Arm{
		dino,
		{Name: "without sharpening", Method: "dino", Set: []string{"method.sharpening=false"}},
	},
	Shows:  []Metric{Individual, Information, Perplexity, MeanCosine, Loss},
	Expect: []Expectation{collapses("without sharpening", collapse.Uniform, collapse.Complete)},
	Effect: &Effect{Metric: Individual, Arm: "without sharpening", Of: "DINO"},
}
