// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var bar01 = Experiment{
	ID: "BAR-01", Method: "barlowtwins", NeedsLabels: true,
	Question: "Which half of Barlow Twins' loss does the work?",
	Claim:    "With the diagonal alone the embeddings lose dimensions and features are worse, and with the off-diagonal alone nothing is learnt.",
	Source:   "Zbontar et al. 2021, arXiv:2103.03230, table 5",
	Reported: "both 71.4, diagonal alone 57.3, off-diagonal alone 0.1 (ImageNet, ResNet-50, 300 epochs, linear)",
	Scale:    "After so few steps accuracy differs little; what decides is that dimensions are lost, and that neighbours are no better than the untrained network's.",
	Arms: []Arm{
		barlow,
		barlowDiagonal,
		{Name: "off-diagonal alone", Method: "barlowtwins", Set: []string{"method.on_diagonal=0"}},
	},
	Shows: []Metric{Participation, EffectiveRank, KNN, "terms.on_diagonal"},
	Expect: []Expectation{
		collapses("diagonal alone", collapse.Dimensional),
		fails("off-diagonal alone"),
	},
	Effect: &Effect{Metric: Participation, Arm: "Barlow Twins", Of: "diagonal alone", LogScale: true},
}
