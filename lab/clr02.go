// SPDX-License-Identifier: Apache-2.0

package lab

var clr02 = Experiment{
	ID: "CLR-02", Method: "simclr", NeedsLabels: true,
	Question: "Does SimCLR need large batches?",
	Claim:    "At the same number of epochs larger batches, which hold more negatives, give better features, and the gap closes in longer training.",
	Source:   "Chen et al. 2020, arXiv:2002.05709, figure 9 and section 5.2",
	Reported: "a figure: larger batches have a significant advantage at 100 epochs, and the gaps become smaller or vanish in longer training",
	Scale:    "Batches of 64 and 256 see the same images, so the small one takes four times as many steps, and in a run of minutes the number of steps may count for more than that of negatives.",
	Arms: []Arm{
		simclr,
		simclrSmall,
		{Name: "SimCLR, batch 256, three times as long", Method: "simclr", Length: 3},
		{Name: "SimCLR, batch 64, three times as long", Method: "simclr", Set: []string{"train.batch=64"}, Length: 3},
	},
	Shows: []Metric{KNN, EffectiveRank, MeanCosine},
	Expect: []Expectation{
		more(KNN, "SimCLR", "SimCLR, batch 64", 0),
		loses(KNN, step{"SimCLR", "SimCLR, batch 64"}, step{"SimCLR, batch 256, three times as long", "SimCLR, batch 64, three times as long"}),
	},
	Effect: &Effect{Metric: KNN, Arm: "SimCLR", Of: "SimCLR, batch 64"},
}
