// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var moc05 = Experiment{
	ID: "MOC-05", Method: "mocov2",
	Question: "Is a momentum encoder enough to keep MoCo from collapsing, without negatives?",
	Claim:    "A target that is a moving average does not prevent collapse by itself: without negatives and without a predictor the embeddings become one point.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, table 5b, of BYOL with a target and without predictor, which is MoCo without negatives",
	Reported: "0.2, against 72.5 for BYOL and 70.7 with the negatives (ImageNet, ResNet-50, 300 epochs, linear)",
	Arms: []Arm{
		moco,
		{Name: "without negatives", Method: "mocov2", Set: []string{"method.negatives=false"}},
	},
	Shows:  []Metric{MeanCosine, EffectiveRank, Loss},
	Expect: []Expectation{collapses("without negatives", collapse.Complete, collapse.Collapsing)},
	Effect: &Effect{Metric: MeanCosine, Arm: "without negatives", Of: "MoCo v2"},
}
