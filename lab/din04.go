// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var din04 = Experiment{
	ID: "DIN-04", Method: "dino",
	Question: "Must DINO's teacher lag behind the student?",
	Claim:    "With the student itself as teacher DINO collapses; a teacher that is an earlier student, changed now and then, is enough to prevent that.",
	Source:   "Caron et al. 2021, arXiv:2104.14294, figure 6",
	Reported: "k-NN: the student itself 0.1, that of the last epoch 66.6, a moving average 72.8",
	Scale:    "An epoch is as long as a run here, so the earlier student is up to 20 steps old.",
	Arms: []Arm{
		dino,
		dinoCopy,
		{Name: "an earlier student as teacher", Method: "dino", Set: []string{"method.target_momentum=0", "method.final_target_momentum=0", "method.target_every=20"}},
	},
	Shows: []Metric{MeanCosine, Information, EffectiveRank, KNN},
	Expect: []Expectation{
		collapses("the student itself as teacher", collapse.Complete, collapse.Collapsing, collapse.Dimensional, collapse.Uniform, collapse.OneCluster, collapse.FewClusters),
		survives("an earlier student as teacher"),
	},
	Effect: &Effect{Metric: MeanCosine, Arm: "the student itself as teacher", Of: "DINO"},
}
