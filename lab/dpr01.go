// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var (
	byolLinear              = Arm{Name: "linear predictor", Method: "byol", Set: []string{"method.predictor_form=linear"}}
	byolSymmetric           = Arm{Name: "symmetric predictor", Method: "byol", Set: []string{"method.predictor_form=symmetric"}}
	byolSymmetricNoMomentum = Arm{Name: "symmetric predictor, without momentum", Method: "byol", Set: slices.Concat(byolSymmetric.Set, byolNoMomentum.Set)}
)

var dpr01 = Experiment{
	ID: "DPR-01", Method: "byol", Switch: "momentum target",
	Question: "Does BYOL need its slow target when the predictor is a single linear layer?",
	Claim:    "It depends on the predictor: without momentum one that is kept symmetric collapses, and one that is free does not; with momentum neither does.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 3",
	Reported: "STL-10, linear accuracy with momentum and without: 74.5 and 72.9 for a free matrix, 75.1 and 36.6 for a symmetric one",
	Scale:    "The paper's collapse is one of accuracy after 100 epochs. Here the geometry of the embeddings decides, in which a run of minutes may show less.",
	Arms: []Arm{byolLinear,
		{Name: "linear predictor, without momentum", Method: "byol", Set: slices.Concat(byolLinear.Set, byolNoMomentum.Set)},
		byolSymmetric, byolSymmetricNoMomentum},
	Shows: []Metric{EffectiveRank, MeanCosine, KNN},
	Expect: []Expectation{
		survives("linear predictor, without momentum"), survives("symmetric predictor"), collapses("symmetric predictor, without momentum"),
	},
	Effect: &Effect{Metric: EffectiveRank, Arm: "linear predictor, without momentum", Of: "symmetric predictor, without momentum", LogScale: true},
}
