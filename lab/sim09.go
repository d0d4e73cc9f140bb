// SPDX-License-Identifier: Apache-2.0

package lab

var sim09 = Experiment{
	ID: "SIM-09", Method: "simsiam",
	Question: "What does batch norm behind SimSiam's predictor do?",
	Claim:    "With batch norm at the predictor's output, too, training is unstable: the loss oscillates. That is no collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 3d",
	Reported: "\"unstable\"; linear accuracy 68.1 without it",
	Scale:    "What is compared is how much the loss varies from one logged step to the next, in the second half of the run.",
	Arms: []Arm{simsiam,
		{Name: "batch norm behind the predictor", Method: "simsiam", Set: []string{"method.predictor.output_norm=true"}}, simsiamNoStop},
	Shows: []Metric{LossNoise, Loss, EffectiveRank, MeanCosine},
	Expect: []Expectation{
		more(LossNoise, "batch norm behind the predictor", "SimSiam", 0), survives("batch norm behind the predictor"), visible("without stop-gradient"),
	},
	Effect: &Effect{Metric: LossNoise, Arm: "batch norm behind the predictor", Of: "SimSiam"},
}
