// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
)

// Claims about self-distillation: DINO and ReSSL.

// Arms of DINO and ReSSL that several experiments share: each runs once.
var (
	ressl    = lab.Arm{Name: "ReSSL", Method: "ressl"}
	dino     = lab.Arm{Name: "DINO", Method: "dino"}
	dinoCopy = lab.Arm{Name: "the student itself as teacher", Method: "dino",
		Set: []string{"method.target_momentum=0", "method.final_target_momentum=0"}}
)

var din01 = lab.Experiment{
	ID: "DIN-01", Method: "dino",
	Question: "What happens to DINO without centring?",
	Claim: "Without centring, one output dominates: the entropy of the teacher's outputs goes to 0, and the images " +
		"are assigned to few outputs.",
	Source:   "Caron et al. 2021, arXiv:2104.14294, figure 7",
	Reported: "curves: the teacher's entropy goes to 0, and so does its divergence from the student",
	Arms: []lab.Arm{
		dino,
		{Name: "without centring", Method: "dino", Set: []string{"method.centring=false"}},
	},
	Shows: []lab.Metric{
		lab.Perplexity, lab.Information, lab.Individual, "terms.outputs_in_use", lab.MeanCosine, lab.Loss,
	},
	Expect: []lab.Expectation{
		expect.Collapses("without centring", collapse.FewClusters, collapse.OneCluster),
	},
	Effect: &lab.Effect{Metric: lab.Perplexity, Arm: "DINO", Of: "without centring", LogScale: true},
}

var din02 = lab.Experiment{
	ID: "DIN-02", Method: "dino",
	Question: "What happens to DINO without sharpening?",
	Claim: "Without sharpening, the teacher's outputs become uniform: their entropy goes to ln K, and they say " +
		"nothing about the image.",
	Source:   "Caron et al. 2021, arXiv:2104.14294, figure 7",
	Reported: "curves: the entropy goes to ln K, and the divergence to 0",
	Arms: []lab.Arm{
		dino,
		{Name: "without sharpening", Method: "dino", Set: []string{"method.sharpening=false"}},
	},
	Shows:  []lab.Metric{lab.Individual, lab.Information, lab.Perplexity, lab.MeanCosine, lab.Loss},
	Expect: []lab.Expectation{expect.Collapses("without sharpening", collapse.Uniform, collapse.Complete)},
	Effect: &lab.Effect{Metric: lab.Individual, Arm: "without sharpening", Of: "DINO"},
}

var din03 = lab.Experiment{
	ID: "DIN-03", Method: "dino", NeedsLabels: true,
	Question: "Which parts does DINO need?",
	Claim: "Without a momentum teacher, DINO does not learn. Local crops in addition to global ones improve the " +
		"features.",
	Source:   "Caron et al. 2021, arXiv:2104.14294, table 7",
	Reported: "k-NN: 72.8; without momentum 0.1; without local crops 67.9 (ImageNet)",
	Scale: "The table's other rows (Sinkhorn-Knopp instead of centring, a squared error, a predictor) cannot be set " +
		"here. The local crops, of half the side, take time that the number of steps does not show.",
	Arms: []lab.Arm{
		dino,
		dinoCopy,
		{Name: "with four local crops", Method: "dino", Set: []string{"method.small_crops=4", "method.small_size=16"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.Information, lab.MeanCosine, lab.EffectiveRank},
	Expect: []lab.Expectation{
		expect.Fails("the student itself as teacher"),
		expect.More(lab.KNN, "with four local crops", "DINO", 0),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "DINO", Of: "the student itself as teacher"},
}

var din04 = lab.Experiment{
	ID: "DIN-04", Method: "dino",
	Question: "Must DINO's teacher lag behind its student?",
	Claim: "With the student itself as teacher, DINO collapses. An earlier student as teacher, renewed now and then, " +
		"is enough to prevent that.",
	Source:   "Caron et al. 2021, arXiv:2104.14294, figure 6",
	Reported: "k-NN: the student itself 0.1, the student of the last epoch 66.6, a moving average 72.8",
	Scale:    "Here an epoch is as long as a run, so the earlier student is up to 20 steps old.",
	Arms: []lab.Arm{
		dino,
		dinoCopy,
		{Name: "an earlier student as teacher", Method: "dino",
			Set: []string{"method.target_momentum=0", "method.final_target_momentum=0", "method.target_every=20"}},
	},
	Shows: []lab.Metric{lab.MeanCosine, lab.Information, lab.EffectiveRank, lab.KNN},
	Expect: []lab.Expectation{
		expect.Collapses("the student itself as teacher", collapse.Complete, collapse.Collapsing, collapse.Dimensional,
			collapse.Uniform, collapse.OneCluster, collapse.FewClusters),
		expect.Survives("an earlier student as teacher"),
	},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "the student itself as teacher", Of: "DINO"},
}

var din05 = lab.Experiment{
	ID: "DIN-05", Method: "dino",
	Question: "How sharp must DINO's teacher be?",
	Claim: "With a teacher temperature of 0.08, near the student's 0.1, the outputs become uniform. From 0.02 to " +
		"0.06 they do not.",
	Source:   "Caron et al. 2021, arXiv:2104.14294, appendix D",
	Reported: "k-NN at 0 / 0.02 / 0.04 / 0.06 / 0.08: 43.9 / 66.7 / 69.6 / 68.7 / 0.1 (ImageNet, ViT-S/16, 100 epochs)",
	Arms: []lab.Arm{
		{Name: "temperature 0.04", Method: "dino",
			Set: []string{"method.teacher_temperature=0.04", "method.warmup_teacher_epochs=0"}},
		{Name: "temperature 0.02", Method: "dino",
			Set: []string{"method.teacher_temperature=0.02", "method.warmup_teacher_epochs=0"}},
		{Name: "temperature 0.08", Method: "dino",
			Set: []string{"method.teacher_temperature=0.08", "method.warmup_teacher_epochs=0"}},
	},
	Shows: []lab.Metric{lab.Information, lab.Individual, lab.MeanCosine, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("temperature 0.02"),
		expect.Collapses("temperature 0.08", collapse.Uniform, collapse.Complete),
	},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "temperature 0.08", Of: "temperature 0.04"},
}

var din06 = lab.Experiment{
	ID: "DIN-06", Method: "dino", NeedsLabels: true,
	Question: "May the mean that centres DINO's teacher change slowly?",
	Claim:    "It may forget at once or within a hundred steps. A mean that takes a thousand steps comes too late.",
	Source:   "Caron et al. 2021, arXiv:2104.14294, appendix D; numbers from memory",
	Reported: "momenta of 0, 0.9 and 0.99 work; 0.999 has 0.1",
	Scale:    "In 200 steps, a mean with momentum 0.999 has covered a fifth of the way.",
	Arms: []lab.Arm{
		dino,
		{Name: "centre momentum 0", Method: "dino", Set: []string{"method.centre_momentum=0"}},
		{Name: "centre momentum 0.999", Method: "dino", Set: []string{"method.centre_momentum=0.999"}},
	},
	Shows:  []lab.Metric{lab.Information, lab.Perplexity, lab.KNN, lab.MeanCosine},
	Expect: []lab.Expectation{expect.Survives("centre momentum 0"), expect.Fails("centre momentum 0.999")},
}

var din07 = lab.Experiment{
	ID: "DIN-07", Method: "dino",
	Question: "Does DINO need large batches?",
	Claim:    "No: it is nearly as good with small batches, and does not collapse with them.",
	Source:   "Caron et al. 2021, arXiv:2104.14294, table 9",
	Reported: "k-NN 57.9, 59.1, 59.6 and 59.9 for batches of 128, 256, 512 and 1,024; 35.2 for batches of 8 after 50 " +
		"epochs (ImageNet, ViT-S/16)",
	Scale: "All arms see the same number of images. Runs this short cannot resolve two points of accuracy, so " +
		"collapse is tested.",
	Arms: []lab.Arm{
		dino,
		{Name: "batch 64", Method: "dino", Set: []string{"train.batch=64"}},
		{Name: "batch 32", Method: "dino", Set: []string{"train.batch=32"}},
		dinoCopy,
	},
	Shows: []lab.Metric{lab.Information, lab.Perplexity, lab.MeanCosine, lab.EffectiveRank, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("batch 64"),
		expect.Survives("batch 32"),
		expect.Visible("the student itself as teacher"),
	},
}

var rsl01 = lab.Experiment{
	ID: "RSL-01", Method: "ressl", NeedsLabels: true,
	Question: "Must ReSSL's teacher be sharper than its student?",
	Claim: "If the teacher has the student's own temperature, the relations to be learnt are flat and the features " +
		"are worse.",
	Source:   "Zheng et al. 2021, arXiv:2107.09282, on the sharpened distribution",
	Reported: "a teacher's 0.04 for a student's 0.1, in the official code",
	Scale:    "With equal temperatures, two equal distributions cost nothing, however flat they are.",
	Arms: []lab.Arm{
		ressl,
		{Name: "equal temperatures", Method: "ressl", Set: []string{"method.teacher_temperature=0.1"}},
	},
	Shows: []lab.Metric{lab.KNN, "terms.teacher_entropy", lab.MeanCosine, lab.EffectiveRank},
	Expect: []lab.Expectation{
		expect.More("terms.teacher_entropy", "equal temperatures", "ReSSL", 0),
		expect.More(lab.KNN, "ReSSL", "equal temperatures", 0),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "ReSSL", Of: "equal temperatures"},
}

var rsl02 = lab.Experiment{
	ID: "RSL-02", Method: "ressl", NeedsLabels: true,
	Question: "Should ReSSL's teacher see a weakly augmented view?",
	Claim: "A teacher that sees only a crop and a flip gives better features than a teacher that sees what the " +
		"student sees.",
	Source:   "Zheng et al. 2021, arXiv:2107.09282, abstract",
	Reported: "an argument: weak augmentation gives a more reliable relation",
	Arms: []lab.Arm{
		ressl,
		{Name: "strong view for the teacher", Method: "ressl", Set: []string{"method.weak=false"}},
	},
	Shows:  []lab.Metric{lab.KNN, "terms.teacher_entropy", lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{expect.More(lab.KNN, "ReSSL", "strong view for the teacher", 0)},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "ReSSL", Of: "strong view for the teacher"},
}
