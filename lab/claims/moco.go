// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
)

// Claims about MoCo.

// Arms of MoCo that several experiments share: each runs once.
var (
	moco      = lab.Arm{Name: "MoCo v2", Method: "mocov2"} // m is 0.99, the queue 2,048
	mocoSmall = lab.Arm{Name: "MoCo v2, batch 64", Method: "mocov2", Set: []string{"train.batch=64"}}
)

var moc01 = lab.Experiment{
	ID: "MOC-01", Method: "mocov2",
	Question: "What happens to MoCo if its key encoder does not lag behind?",
	Claim: "Without momentum, the keys in the queue come from another network than the query, and training fails. A " +
		"slow key encoder works best.",
	Source: "He et al. 2020, arXiv:1911.05722, section 4.1",
	Reported: "m 0 / 0.9 / 0.99 / 0.999 / 0.9999: fails / 55.2 / 57.8 / 59.0 / 58.9 (ImageNet, ResNet-50, 4,096 " +
		"keys, linear)",
	Scale: "In the paper, the arm without momentum did not converge, by its loss. Here the embedding decides.",
	Arms: []lab.Arm{
		moco,
		{Name: "momentum 0.9", Method: "mocov2",
			Set: []string{"method.target_momentum=0.9", "method.final_target_momentum=0.9"}},
		{Name: "without momentum", Method: "mocov2",
			Set: []string{"method.target_momentum=0", "method.final_target_momentum=0"}},
	},
	Shows: []lab.Metric{lab.MeanCosine, lab.EffectiveRank, lab.Loss, lab.KNN},
	Expect: []lab.Expectation{
		expect.Collapses("without momentum"),
		expect.More(lab.EffectiveRank, "MoCo v2", "momentum 0.9", 0),
	},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "without momentum", Of: "MoCo v2"},
}

var moc02 = lab.Experiment{
	ID: "MOC-02", Method: "mocov2", NeedsLabels: true,
	Question: "Does a larger queue help MoCo?",
	Claim:    "The more keys the queue holds, the better the features.",
	Source:   "He et al. 2020, arXiv:1911.05722, figure 3",
	Reported: "a figure: accuracy grows up to 65,536 keys, where it is 60.6",
	Scale: "Here the queues are 256, 2,048 and 8,192. The largest fills within 32 steps, a sixth of a run, and holds " +
		"keys of a network that changes fast.",
	Arms: []lab.Arm{
		moco,
		{Name: "256 keys", Method: "mocov2", Set: []string{"method.queue=256"}},
		{Name: "8,192 keys", Method: "mocov2", Set: []string{"method.queue=8192"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.Loss},
	Expect: []lab.Expectation{
		expect.More(lab.KNN, "MoCo v2", "256 keys", 0),
		expect.More(lab.KNN, "8,192 keys", "256 keys", 0),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "8,192 keys", Of: "256 keys"},
}

var moc03 = lab.Experiment{
	ID: "MOC-03", Method: "mocov2", NeedsLabels: true,
	Question: "Does batch norm reveal to MoCo which key belongs to a query?",
	Claim: "If a query and its key are normalised over the same few images, MoCo cheats: the statistics reveal the " +
		"key, and features are worse. Shuffling the keys, and so putting them into other groups, prevents it.",
	Source: "He et al. 2020, arXiv:1911.05722, section 3.3",
	Reported: "no number there; from memory of the appendix, the pretext task's accuracy soon exceeds 99.9 % while " +
		"the kNN accuracy falls",
	Scale: "Eight groups of 32 images, as on the paper's eight GPUs, in one process, with 2,048 keys. The leak is " +
		"the pretext task's accuracy with batch statistics minus that with running statistics, on the same views, " +
		"averaged over the steps since the previous evaluation. Running statistics lag behind in both arms. It may " +
		"take more than 200 steps for features to get worse.",
	Arms: []lab.Arm{
		{Name: "shuffled", Method: "mocov2",
			Set: []string{"method.groups=8", "method.shuffle_groups=8", "probe.leak=true"}},
		{Name: "not shuffled", Method: "mocov2",
			Set: []string{"method.groups=8", "method.shuffle_groups=1", "probe.leak=true"}},
	},
	Shows: []lab.Metric{lab.BNLeak, lab.PretextAccuracy, lab.KNN, lab.EffectiveRank},
	Expect: []lab.Expectation{
		expect.More(lab.BNLeak, "not shuffled", "shuffled", 0.05),
		expect.More(lab.KNN, "shuffled", "not shuffled", 0),
	},
	Effect: &lab.Effect{Metric: lab.BNLeak, Arm: "not shuffled", Of: "shuffled"},
}

var moc04 = lab.Experiment{
	ID: "MOC-04", Method: "mocov2", NeedsLabels: true, Switch: "head",
	Question: "Why is MoCo v2 better than v1: its head or its augmentation?",
	Claim: "The head of two layers and the stronger augmentation each help on their own, the head more, and both " +
		"together most.",
	Source: "Chen et al. 2020, arXiv:2003.04297, table 1",
	Reported: "v1 60.6, with the head 66.2, with the augmentation 63.4, with both 67.3 (ImageNet, ResNet-50, 200 " +
		"epochs)",
	Scale: "The temperature goes with the head, 0.2 with and 0.07 without, as in the report. Blur does not apply to " +
		"small images, and v1 distorts their colours more than v2. So the part about augmentation may turn out the " +
		"other way.",
	Arms: []lab.Arm{
		moco,
		{Name: "MoCo v1", Method: "mocov1"},
		{Name: "v1 with the head", Method: "mocov1",
			Set: []string{"method.projector.widths=[128, 128]", "method.temperature=0.2"}},
		{Name: "v1 with the augmentation", Method: "mocov2",
			Set: []string{"method.projector.widths=[128]", "method.temperature=0.07"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.FeatureRank},
	Expect: []lab.Expectation{
		expect.More(lab.KNN, "MoCo v2", "MoCo v1", 0),
		expect.More(lab.KNN, "v1 with the head", "MoCo v1", 0),
		expect.More(lab.KNN, "v1 with the augmentation", "MoCo v1", 0),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "MoCo v2", Of: "MoCo v1"},
}

var moc05 = lab.Experiment{
	ID: "MOC-05", Method: "mocov2",
	Question: "Does a momentum encoder alone keep MoCo from collapsing without negatives?",
	Claim: "A target that is a moving average does not prevent collapse by itself. Without negatives and without a " +
		"predictor, the embeddings become one point.",
	Source: "Grill et al. 2020, arXiv:2006.07733, table 5b: BYOL with a target and without predictor, which is MoCo " +
		"without negatives",
	Reported: "0.2, compared with 72.5 for BYOL and 70.7 with negatives (ImageNet, ResNet-50, 300 epochs, linear)",
	Arms: []lab.Arm{
		moco,
		{Name: "without negatives", Method: "mocov2", Set: []string{"method.negatives=false"}},
	},
	Shows:  []lab.Metric{lab.MeanCosine, lab.EffectiveRank, lab.Loss},
	Expect: []lab.Expectation{expect.Collapses("without negatives", collapse.Complete, collapse.Collapsing)},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "without negatives", Of: "MoCo v2"},
}

var moc06 = lab.Experiment{
	ID: "MOC-06", Method: "mocov2", NeedsLabels: true, Switch: "batch size",
	Question: "Does a queue compensate for a small batch?",
	Claim: "MoCo, whose negatives are in a queue, loses less in small batches than SimCLR, whose negatives are in " +
		"the batch.",
	Source:   "Chen et al. 2020, arXiv:2003.04297, table 2",
	Reported: "200 epochs: MoCo v2 67.5 with batches of 256, SimCLR 61.9 with 256 and 66.6 with 4,096",
	Scale:    "Batches of 64 against 256, with the same number of images seen.",
	Arms:     []lab.Arm{moco, mocoSmall, simclr, simclrSmall},
	Shows:    []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("MoCo v2, batch 64"),
		expect.Loses(lab.KNN, expect.Step{From: "SimCLR", To: "SimCLR, batch 64"}, expect.Step{From: "MoCo v2",
			To: "MoCo v2, batch 64"}),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "MoCo v2, batch 64", Of: "SimCLR, batch 64"},
}

var mo301 = lab.Experiment{
	ID: "MO3-01", Method: "mocov3", Switch: "network",
	Question: "What makes the training of vision transformers unstable?",
	Claim: "The first layer: if the patch projection stays at its initial weights, the dips in accuracy " +
		"disappear.",
	Source:   "Chen, Xie & He 2021, arXiv:2104.02057, section 4; from memory",
	Reported: "figures: dips in accuracy, and none with a frozen projection",
	Untestable: "the dips appear in long training of vision transformers with large batches, which takes more than " +
		"minutes",
}
