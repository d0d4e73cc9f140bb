// SPDX-License-Identifier: Apache-2.0

package lab

var moc01 = Experiment{
	ID: "MOC-01", Method: "mocov2",
	Question: "What happens to MoCo when its key encoder does not lag behind?",
	Claim:    "Without momentum the keys in the queue are of another network than the query, and training fails; a slow key encoder works best.",
	Source:   "He et al. 2020, arXiv:1911.05722, section 4.1",
	Reported: "m 0 / 0.9 / 0.99 / 0.999 / 0.9999: fails / 55.2 / 57.8 / 59.0 / 58.9 (ImageNet, ResNet-50, 4,096 keys, linear)",
	Scale:    "The paper's arm without momentum did not converge, as its loss says; here it is the embedding that is looked at.",
	Arms: []Arm{
		moco,
		{Name: "momentum 0.9", Method: "mocov2", Set: []string{"method.target_momentum=0.9", "method.final_target_momentum=0.9"}},
		{Name: "without momentum", Method: "mocov2", Set: []string{"method.target_momentum=0", "method.final_target_momentum=0"}},
	},
	Shows: []Metric{MeanCosine, EffectiveRank, Loss, KNN},
	Expect: []Expectation{
		collapses("without momentum"),
		more(EffectiveRank, "MoCo v2", "momentum 0.9", 0),
	},
	Effect: &Effect{Metric: MeanCosine, Arm: "without momentum", Of: "MoCo v2"},
}
