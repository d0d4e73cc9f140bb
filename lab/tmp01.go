// SPDX-License-Identifier: Apache-2.0

package lab

var tmp01 = Experiment{
	ID: "TMP-01", Method: "simclr",
	Question: "What does the temperature do to the embeddings?",
	Claim:    "The lower the temperature, the more uniformly the embeddings are spread.",
	Source:   "Wang & Liu 2021, arXiv:2012.09740",
	Reported: "curves, no number",
	Scale:    "At 0.05 the gradient is of the nearest few negatives alone, and spreading takes longer than a short run.",
	Arms:     []Arm{simclr, simclrCold, simclrWarm},
	Shows:    []Metric{Uniformity, MeanCosine, EffectiveRank},
	Expect: []Expectation{
		more(Uniformity, "SimCLR", "temperature 0.05", 0),
		more(Uniformity, "temperature 1", "SimCLR", 0),
	},
	Effect: &Effect{Metric: Uniformity, Arm: "temperature 1", Of: "temperature 0.05"},
}
