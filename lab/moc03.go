// SPDX-License-Identifier: Apache-2.0

package lab

var moc03 = Experiment{
	ID: "MOC-03", Method: "mocov2", NeedsLabels: true,
	Question: "Does batch norm tell MoCo which key belongs to a query?",
	Claim:    "When a query and its key are normalised over the same few images, MoCo cheats: the statistics give the key away, and the features are the worse. Keys in a random order, and so in other groups, prevent it.",
	Source:   "He et al. 2020, arXiv:1911.05722, section 3.3",
	Reported: "no number there; that the pretext task's accuracy passes 99.9 % soon, while that of neighbours falls, is from memory of the appendix",
	Scale: "Eight groups of 32 images, as on the paper's eight GPUs, in one process; 2,048 keys. What leaks is the pretext task's accuracy with the batch's statistics minus that with running ones, " +
		"of the same views: the mean over the steps since the evaluation before. Running statistics lag behind in both arms. That features are worse may take longer than 200 steps.",
	Arms: []Arm{
		{Name: "shuffled", Method: "mocov2", Set: []string{"method.groups=8", "method.shuffle_groups=8", "method.measure_leak=true"}},
		{Name: "not shuffled", Method: "mocov2", Set: []string{"method.groups=8", "method.shuffle_groups=1", "method.measure_leak=true"}},
	},
	Shows: []Metric{BNLeak, PretextAccuracy, KNN, EffectiveRank},
	Expect: []Expectation{
		more(BNLeak, "not shuffled", "shuffled", 0.05),
		more(KNN, "shuffled", "not shuffled", 0),
	},
	Effect: &Effect{Metric: BNLeak, Arm: "not shuffled", Of: "shuffled"},
}
