// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var simsiamBare = Arm{Name: "without predictor and batch norm", Method: "simsiam", Set: []string{"method.predictor_mode=none", "method.projector.norm=none"}}

var vic06 = Experiment{
	ID: "VIC-06", Method: "simsiam", NeedsLabels: true, Switch: "variance and covariance",
	Question: "Do VICReg's terms rescue SimSiam without predictor and batch norm?",
	Claim:    "SimSiam without predictor and batch norm collapses, and does not with VICReg's variance term added, better still with the covariance term.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 4 and appendix C.4",
	Reported: "SimSiam 67.9; without predictor and batch norm: collapse; with the variance term 56.8, with both 66.1 (ImageNet, ResNet-50, 100 epochs, linear)",
	Scale: "Weights of 1 and 0.01, as in the paper, and the backbone keeps its batch norm. A projector without it begins with embeddings that nearly coincide: that the bare arm " +
		"has not come out of there is what the first rule asks for. Which of the rescued arms is the better one takes longer runs to tell, so their ranks are compared.",
	Arms: []Arm{simsiam, simsiamBare,
		{Name: "with the variance term", Method: "simsiam", Set: append(slices.Clone(simsiamBare.Set), "method.variance=1")},
		{Name: "with both terms", Method: "simsiam", Set: append(slices.Clone(simsiamBare.Set), "method.variance=1", "method.covariance=0.01")}},
	Shows: []Metric{MeanCosine, EffectiveRank, RawStd, KNN},
	Expect: []Expectation{
		above(MeanCosine, "without predictor and batch norm", 0.9),
		below(MeanCosine, "with the variance term", 0.9), survives("with both terms"), gains("with both terms", knnGain),
		more(EffectiveRank, "with both terms", "with the variance term", 0),
	},
	Effect: &Effect{Metric: MeanCosine, Arm: "without predictor and batch norm", Of: "with both terms"},
}
