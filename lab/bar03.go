// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var (
	barlowStopped   = []string{"method.stop_gradient=true"}
	barlowPredicted = []string{"method.predictor_mode=trained", "method.predictor.widths=[256, 256]"}
)

var bar03 = Experiment{
	ID: "BAR-03", Method: "barlowtwins",
	Question: "Must the two sides differ in Barlow Twins, as they do in SimSiam and BYOL?",
	Claim:    "No: it does not collapse without asymmetry, nor with a stop-gradient, a predictor or both, which make it worse.",
	Source:   "Zbontar et al. 2021, arXiv:2103.03230, table 6",
	Reported: "71.4; with a stop-gradient 70.5, with a predictor 70.2, with both 61.3 (ImageNet, ResNet-50, 300 epochs, linear)",
	Scale:    "Predictor and stop-gradient are on one side each, as the paper has it. How much worse they are is not asked: points of accuracy cannot be told in runs this short.",
	Arms: []Arm{
		barlow,
		{Name: "with stop-gradient", Method: "barlowtwins", Set: barlowStopped},
		{Name: "with predictor", Method: "barlowtwins", Set: barlowPredicted},
		{Name: "with both", Method: "barlowtwins", Set: slices.Concat(barlowStopped, barlowPredicted)},
		barlowDiagonal,
	},
	Shows:  []Metric{EffectiveRank, Participation, MeanCosine, KNN},
	Expect: []Expectation{survives("with stop-gradient"), survives("with predictor"), survives("with both"), visible("diagonal alone")},
}
