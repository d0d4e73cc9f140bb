// SPDX-License-Identifier: Apache-2.0

package lab

var clr01 = Experiment{
	ID: "CLR-01", Method: "simclr", NeedsLabels: true,
	Question: "Is there a best temperature for SimCLR, between hot and cold?",
	Claim:    "Features are best at a temperature between the extremes, although the positive is found more often the lower it is.",
	Source:   "Chen et al. 2020, arXiv:2002.05709, table 5",
	Reported: "τ 0.05 / 0.1 / 0.5 / 1: 59.7 / 64.4 / 60.7 / 58.0, the positive found in 90.5 / 87.8 / 68.2 / 59.1 %",
	Arms:     []Arm{simclr, simclrCold, simclrWarm},
	Shows:    []Metric{KNN, EffectiveRank, Uniformity},
	Expect: []Expectation{
		more(KNN, "SimCLR", "temperature 0.05", 0),
		more(KNN, "SimCLR", "temperature 1", 0),
	},
	Effect: &Effect{Metric: KNN, Arm: "SimCLR", Of: "temperature 1"},
}
