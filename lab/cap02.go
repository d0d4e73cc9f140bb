// SPDX-License-Identifier: Apache-2.0

package lab

var cap02 = Experiment{
	ID: "CAP-02", Method: "simsiam", NeedsLabels: true, Switch: "other",
	Question: "Does the degree of SimSiam's collapse tell how good its features are, without labels?",
	Claim:    "How much of the features' variance lies in few directions forecasts their accuracy: the more, the lower it is.",
	Source:   "Li, Efros & Pathak 2022, arXiv:2209.15007, abstract",
	Reported: "a metric of the degree of collapse that forecasts accuracy without labels; no number in the abstract",
	Scale: "The metric here is the area under the share of variance in the first directions. The paper varies networks and data sets; here seven runs of SimSiam differ in width, " +
		"loss and what prevents collapse.",
	Arms:   simsiamSweep,
	Shows:  []Metric{ExplainedArea, KNN, RankShare},
	Expect: []Expectation{foretells(ExplainedArea, -1, names(simsiamSweep)...)},
}

var simsiamSweep = []Arm{simsiam, simsiamNarrow, simsiamWide, simsiamEntropy, simsiamHidden, simsiamNoPredictor, simsiamNoStop}
