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
	Question: "What happens to MoCo when its key encoder does not lag behind?",
	Claim: "Without momentum the keys in the queue are of another network than the query, and training fails; a slow " +
		"key encoder works best.",
	Source: "He et al. 2020, arXiv:1911.05722, section 4.1",
	Reported: "m 0 / 0.9 / 0.99 / 0.999 / 0.9999: fails / 55.2 / 57.8 / 59.0 / 58.9 (ImageNet, ResNet-50, 4,096 keys, " +
		"linear)",
	Scale: "The paper's arm without momentum did not converge, as its loss says; here it is the embedding that is " +
		"looked at.",
	Arms: []lab.Arm{
		moco,
		{Name: "momentum 0.9", Method: "mocov2", Set: []string{"method.target_momentum=0.9",
			"method.final_target_momentum=0.9"}},
		{Name: "without momentum", Method: "mocov2", Set: []string{"method.target_momentum=0",
			"method.final_target_momentum=0"}},
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
	Question: "Does MoCo profit from a larger queue?",
	Claim:    "The more keys the queue holds, the better the features.",
	Source:   "He et al. 2020, arXiv:1911.05722, figure 3",
	Reported: "a figure: accuracy grows all the way to 65,536 keys, where it is 60.6",
	Scale: "Queues of 256, 2,048 and 8,192 here. The largest is filled within 32 steps, a sixth of a run, and holds " +
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
	Question: "Does batch norm tell MoCo which key belongs to a query?",
	Claim: "When a query and its key are normalised over the same few images, MoCo cheats: the statistics give the key " +
		"away, and the features are the worse. Keys in a random order, and so in other groups, prevent it.",
	Source: "He et al. 2020, arXiv:1911.05722, section 3.3",
	Reported: "no number there; that the pretext task's accuracy passes 99.9 % soon, while that of neighbours falls, is " +
		"from memory of the appendix",
	Scale: "Eight groups of 32 images, as on the paper's eight GPUs, in one process; 2,048 keys. What leaks is the " +
		"pretext task's accuracy with the batch's statistics minus that with running ones, " +
		"of the same views: the mean over the steps since the evaluation before. Running statistics lag behind in both " +
		"arms. That features are worse may take longer than 200 steps.",
	Arms: []lab.Arm{
		{Name: "shuffled", Method: "mocov2", Set: []string{"method.groups=8", "method.shuffle_groups=8",
			"method.measure_leak=true"}},
		{Name: "not shuffled", Method: "mocov2", Set: []string{"method.groups=8", "method.shuffle_groups=1",
			"method.measure_leak=true"}},
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
	Question: "What made MoCo v2 better than v1, the head or the augmentation?",
	Claim: "Both the head of two layers and the stronger augmentation help on their own, the head more, and together " +
		"most.",
	Source:   "Chen et al. 2020, arXiv:2003.04297, table 1",
	Reported: "v1 60.6, with the head 66.2, with the augmentation 63.4, with both 67.3 (ImageNet, ResNet-50, 200 epochs)",
	Scale: "The temperature goes with the head, 0.2 with and 0.07 without, as in the report. Its blur does not exist " +
		"for small images, where v1 changes colours more than v2, so the second half may turn around.",
	Arms: []lab.Arm{
		moco,
		{Name: "MoCo v1", Method: "mocov1"},
		{Name: "v1 with the head", Method: "mocov1", Set: []string{"method.projector.widths=[128, 128]",
			"method.temperature=0.2"}},
		{Name: "v1 with the augmentation", Method: "mocov2", Set: []string{"method.projector.widths=[128]",
			"method.temperature=0.07"}},
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
	Question: "Is a momentum encoder enough to keep MoCo from collapsing, without negatives?",
	Claim: "A target that is a moving average does not prevent collapse by itself: without negatives and without a " +
		"predictor the embeddings become one point.",
	Source: "Grill et al. 2020, arXiv:2006.07733, table 5b, of BYOL with a target and without predictor, which is MoCo " +
		"without negatives",
	Reported: "0.2, against 72.5 for BYOL and 70.7 with the negatives (ImageNet, ResNet-50, 300 epochs, linear)",
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
	Question: "Does a queue make up for a small batch?",
	Claim: "MoCo, whose negatives are in a queue, loses less in small batches than SimCLR, whose negatives are the " +
		"batch.",
	Source:   "Chen et al. 2020, arXiv:2003.04297, table 2",
	Reported: "200 epochs: MoCo v2 67.5 with batches of 256, SimCLR 61.9 with 256 and 66.6 with 4,096",
	Scale:    "Batches of 64 against 256, at the same number of images.",
	Arms:     []lab.Arm{moco, mocoSmall, simclr, simclrSmall},
	Shows:    []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("MoCo v2, batch 64"),
		expect.Loses(lab.KNN, expect.Step{From: "SimCLR", To: "SimCLR, batch 64"},
			expect.Step{From: "MoCo v2", To: "MoCo v2, batch 64"}),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "MoCo v2, batch 64", Of: "SimCLR, batch 64"},
}

var mo301 = lab.Experiment{
	ID: "MO3-01", Method: "mocov3", Switch: "network",
	Question: "What makes the training of a vision transformer unstable?",
	Claim:    "Its first layer: with the projection of patches left as it began, the dips of its accuracy go away.",
	Source:   "Chen, Xie & He 2021, arXiv:2104.02057, section 4; from memory",
	Reported: "figures: dips of accuracy without, none with a frozen projection",
	Untestable: "the dips are those of a vision transformer in long training with large batches, whose cost is not " +
		"minutes",
}
