// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var nnc01 = Experiment{
	ID: "NNC-01", Method: "nnclr", NeedsLabels: true,
	Question: "Is an image's nearest neighbour a better positive than its other view?",
	Claim:    "With the neighbour as the positive the features are better than with the view itself, and lose less when crops are the only augmentation.",
	Source:   "Dwibedi et al. 2021, arXiv:2104.14548, abstract",
	Reported: "75.6 from 71.7 (ImageNet, ResNet-50, linear); 2.1 % less, relative, with crops alone",
	Scale:    "Early on, an image's nearest neighbour may be of another class, and the queue holds 2,048 embeddings, not 98,304.",
	Arms: []Arm{
		nnclr,
		{Name: "the view itself", Method: "nnclr", Set: []string{"method.neighbour=false"}},
		{Name: "NNCLR, crops alone", Method: "nnclr", Set: cropsAlone},
		{Name: "the view itself, crops alone", Method: "nnclr", Set: slices.Concat([]string{"method.neighbour=false"}, cropsAlone)},
	},
	Shows: []Metric{KNN, EffectiveRank, Loss},
	Expect: []Expectation{
		more(KNN, "NNCLR", "the view itself", 0),
		loses(KNN, step{"the view itself", "the view itself, crops alone"}, step{"NNCLR", "NNCLR, crops alone"}),
	},
	Effect: &Effect{Metric: KNN, Arm: "NNCLR", Of: "the view itself"},
}
