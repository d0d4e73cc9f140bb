// SPDX-License-Identifier: Apache-2.0

package lab

var moc02 = Experiment{
	ID: "MOC-02", Method: "mocov2", NeedsLabels: true,
	Question: "Does MoCo profit from a larger queue?",
	Claim:    "The more keys the queue holds, the better the features.",
	Source:   "He et al. 2020, arXiv:1911.05722, figure 3",
	Reported: "a figure: accuracy grows all the way to 65,536 keys, where it is 60.6",
	Scale:    "Queues of 256, 2,048 and 8,192 here. The largest is filled within 32 steps, a sixth of a run, and holds keys of a network that changes fast.",
	Arms: []Arm{
		moco,
		{Name: "256 keys", Method: "mocov2", Set: []string{"method.queue=256"}},
		{Name: "8,192 keys", Method: "mocov2", Set: []string{"method.queue=8192"}},
	},
	Shows: []Metric{KNN, EffectiveRank, Loss},
	Expect: []Expectation{
		more(KNN, "MoCo v2", "256 keys", 0),
		more(KNN, "8,192 keys", "256 keys", 0),
	},
	Effect: &Effect{Metric: KNN, Arm: "8,192 keys", Of: "256 keys"},
}
