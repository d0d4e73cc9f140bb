// SPDX-License-Identifier: Apache-2.0

package lab

var sim07 = Experiment{
	ID: "SIM-07", Method: "simsiam",
	Question: "Is it batch norm in SimSiam's heads that prevents collapse?",
	Claim:    "Without batch norm in projector and predictor SimSiam is hard to train, but does not collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 3a",
	Reported: "linear accuracy 34.6 without batch norm in the heads, 68.1 with it",
	Scale: "Heads without normalisation begin with embeddings that nearly coincide, and a short run of a small network may not get out of that. " +
		"Such an embedding has not collapsed by training, so nothing follows from it.",
	Arms: []Arm{simsiam, simsiamNoNorm,
		{Name: "nor stop-gradient", Method: "simsiam", Set: append([]string{"method.stop_gradient=false"}, simsiamNoNorm.Set...)}},
	Shows:  []Metric{MeanCosine, Std, Loss, KNN},
	Expect: []Expectation{survives("without batch norm in the heads"), visible("nor stop-gradient")},
}
