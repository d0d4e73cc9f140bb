// SPDX-License-Identifier: Apache-2.0

package lab

var clr06 = Experiment{
	ID: "CLR-06", Method: "simclr", NeedsLabels: true, Switch: "head",
	Question: "Which is the better feature, what the backbone says or what the loss sees?",
	Claim:    "The backbone's features h, before the projector, are far better than the embeddings z behind it.",
	Source:   "Chen et al. 2020, arXiv:2002.05709, section 4.2",
	Reported: "h more than 10 % above z",
	Scale:    "By nearest neighbours here, which ask for less than a linear classifier.",
	Arms:     []Arm{simclr},
	Shows:    []Metric{KNN, EmbeddingKNN, FeatureRank, EffectiveRank},
	Expect:   []Expectation{exceeds(KNN, EmbeddingKNN, "SimCLR", 0)},
	Effect:   &Effect{Metric: KNN, Arm: "SimCLR", Of: "SimCLR", Than: EmbeddingKNN},
}
