// SPDX-License-Identifier: Apache-2.0

package lab

var sim12 = Experiment{
	ID: "SIM-12", Method: "simsiam",
	Question: "Must SimSiam's targets be of the network as it is now?",
	Claim:    "No: with targets of the network of up to 10 or 100 steps ago, which makes SimSiam an optimisation in two alternating parts, it does not collapse and is as good.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 5.2",
	Reported: "linear accuracy 68.1, 68.7 and 68.9 when targets are renewed every 1, 10 and 100 steps, 67.0 once an epoch (ImageNet, ResNet-50, 100 epochs)",
	Scale:    "A run has 200 steps, so in the last arm targets are of the untrained network for half of it and of one other after that. An epoch is as long as a run, so the fourth number is not asked for.",
	Arms: []Arm{
		simsiam,
		{Name: "targets renewed every 10 steps", Method: "simsiam", Set: []string{"method.target_every=10"}},
		{Name: "targets renewed every 100 steps", Method: "simsiam", Set: []string{"method.target_every=100"}},
		simsiamNoStop,
	},
	Shows:  []Metric{EffectiveRank, MeanCosine, Std, KNN},
	Expect: []Expectation{survives("targets renewed every 10 steps"), survives("targets renewed every 100 steps"), visible("without stop-gradient")},
}
