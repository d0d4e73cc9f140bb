// SPDX-License-Identifier: Apache-2.0

package lab

var byg02 = Experiment{
	ID: "BYG-02", Method: "byol", NeedsLabels: true,
	Question: "What happens to BYOL without any normalisation, and is it normalisation that is missing, or the start that it gives?",
	Claim:    "Without normalisation BYOL is no better than chance. With weights and biases that only start as batch norm would have them it learns.",
	Source:   "Richemond et al. 2020, arXiv:2010.10241, section 3",
	Reported: "linear accuracy 74.3 with batch norm, 0.1 without any, 65.7 without any from a tuned start",
	Scale: "Networks without normalisation begin with embeddings that nearly coincide, so the geometry of these cannot decide: the neighbours of the features do. " +
		"Both are trained at a sixth of the usual rate, as normalisation is what lets a network bear a large one.",
	Arms: []Arm{byol,
		{Name: "no normalisation", Method: "byol", Set: []string{"backbone.norm=none", "method.projector.norm=none", "method.predictor.norm=none", "optim.base_rate=0.01"}},
		{Name: "tuned start", Method: "byol", Set: []string{"backbone.norm=tuned", "method.projector.norm=tuned", "method.predictor.norm=tuned", "optim.base_rate=0.01"}}},
	Shows:  []Metric{KNN, MeanCosine, Std, Loss},
	Expect: []Expectation{fails("no normalisation"), survives("tuned start"), gains("tuned start", knnGain)},
	Effect: &Effect{Metric: KNN, Arm: "tuned start", Of: "no normalisation"},
}
