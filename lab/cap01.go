// SPDX-License-Identifier: Apache-2.0

package lab

var cap01 = Experiment{
	ID: "CAP-01", Method: "simsiam", Switch: "network",
	Question: "Does SimSiam lose dimensions when the network is small?",
	Claim:    "SimSiam's features fill a smaller part of their dimensions the smaller the network is for the data.",
	Source:   "Li, Efros & Pathak 2022, ECCV, \"Understanding collapse in non-contrastive Siamese representation learning\", abstract",
	Reported: "partial dimensional collapse when the model is too small relative to the data; no number in the abstract",
	Scale:    "Three widths of one small network, whose features are 16, 64 and 128 in number, so the share of them that is filled is compared. The data's size is not varied.",
	Arms:     []Arm{simsiam, simsiamNarrow, simsiamWide},
	Shows:    []Metric{RankShare, FeatureRank, EffectiveRank, KNN},
	Expect: []Expectation{
		more(RankShare, "SimSiam", "a quarter as wide", 0),
		more(RankShare, "twice as wide", "SimSiam", 0),
	},
	Effect: &Effect{Metric: RankShare, Arm: "twice as wide", Of: "a quarter as wide"},
}
