// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

// The authors' values for both losses, with momentum and without (scripts/pretrain of fmi-basel/implicit-var-reg at 2e8d364).
var (
	direct          = []string{"method.predictor_form=direct", "method.direct.rho=0.5", "method.direct.epsilon=0"}
	directNoTarget  = slices.Concat(direct, byolNoMomentum.Set)
	directIsotropic = append(slices.Clone(directNoTarget), "method.direct.isotropic=true")
)

var dpr11 = Experiment{
	ID: "DPR-11", Method: "byol", NeedsLabels: true, Switch: "momentum target",
	Question: "Is BYOL's slow target needed when all directions are learnt at the same rate?",
	Claim:    "No. The predictor's eigenvalues multiply the rates of their directions; with a loss that leaves them out BYOL learns without momentum, and better than with one that does not.",
	Source:   "Halvagal, Laborieux & Zenke 2023, arXiv:2212.04858, abstract; the loss is that of their code",
	Reported: "in words: IsoLoss speeds up the initial learning dynamics and makes the moving average dispensable",
	Scale:    "The authors train for 1,000 epochs.",
	Arms: []Arm{
		{Name: "predictor that is set", Method: "byol", Set: direct},
		{Name: "without momentum", Method: "byol", Set: directNoTarget},
		{Name: "isotropic, without momentum", Method: "byol", Set: directIsotropic}},
	Shows: []Metric{KNN, EffectiveRank, MeanCosine},
	Expect: []Expectation{
		survives("isotropic, without momentum"), gains("isotropic, without momentum", knnGain), more(KNN, "isotropic, without momentum", "without momentum", 0),
	},
	Effect: &Effect{Metric: KNN, Arm: "isotropic, without momentum", Of: "without momentum"},
}
