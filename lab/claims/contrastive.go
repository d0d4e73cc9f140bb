// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"slices"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
)

// Claims about SimCLR, the losses that follow it, and NNCLR.

// Arms of SimCLR and NNCLR that several experiments share: each runs once.
var (
	simclr            = lab.Arm{Name: "SimCLR", Method: "simclr"} // τ is 0.2, the batch 256
	simclrNoNegatives = lab.Arm{Name: "without negatives", Method: "simclr",
		Set: []string{"method.negatives=false"}}
	simclrCold = lab.Arm{Name: "temperature 0.05", Method: "simclr",
		Set: []string{"method.temperature=0.05"}}
	simclrWarm   = lab.Arm{Name: "temperature 1", Method: "simclr", Set: []string{"method.temperature=1"}}
	simclrLinear = lab.Arm{Name: "linear projector", Method: "simclr",
		Set: []string{"method.projector.widths=[128]"}}
	simclrNoProjector = lab.Arm{Name: "without projector", Method: "simclr",
		Set: []string{"method.projector.widths=[]"}}
	simclrNoColour = lab.Arm{Name: "crops without colours", Method: "simclr", Set: noColour}
	simclrNoCrop   = lab.Arm{Name: "colours without crops", Method: "simclr", Set: noCrop}
	simclrSmall    = lab.Arm{Name: "SimCLR, batch 64", Method: "simclr", Set: []string{"train.batch=64"}}

	nnclr = lab.Arm{Name: "NNCLR", Method: "nnclr"}
)

// Settings that remove a part of the usual augmentation from every view. Without crops, the whole image remains.
var (
	noColour = []string{"augment.color_jitter.p=0", "augment.grayscale.p=0"}
	noCrop   = []string{"augment.random_resized_crop.scale=[1, 1]", "augment.random_resized_crop.ratio=[1, 1]"}

	cropsAlone = append([]string{"augment.solarize.p=0"}, noColour...) // for a recipe that also solarizes
)

var clr01 = lab.Experiment{
	ID: "CLR-01", Method: "simclr", NeedsLabels: true,
	Question: "Does SimCLR have a best temperature between low and high?",
	Claim: "Features are best at an intermediate temperature, although a lower temperature makes the positive easier " +
		"to identify.",
	Source: "Chen et al. 2020, arXiv:2002.05709, table 5",
	Reported: "τ 0.05 / 0.1 / 0.5 / 1: 59.7 / 64.4 / 60.7 / 58.0; the positive is identified in 90.5 / 87.8 / 68.2 / " +
		"59.1 %",
	Arms:  []lab.Arm{simclr, simclrCold, simclrWarm},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.Uniformity},
	Expect: []lab.Expectation{
		expect.More(lab.KNN, "SimCLR", "temperature 0.05", 0),
		expect.More(lab.KNN, "SimCLR", "temperature 1", 0),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "SimCLR", Of: "temperature 1"},
}

var clr02 = lab.Experiment{
	ID: "CLR-02", Method: "simclr", NeedsLabels: true,
	Question: "Does SimCLR need large batches?",
	Claim: "With the same number of epochs, larger batches, which hold more negatives, give better features. Longer " +
		"training closes the gap.",
	Source: "Chen et al. 2020, arXiv:2002.05709, figure 9 and section 5.2",
	Reported: "a figure: larger batches have a significant advantage at 100 epochs, and the gaps shrink or vanish in " +
		"longer training",
	Scale: "Batches of 64 and 256 see the same images, so the small one takes four times as many steps. In a run of " +
		"minutes, steps may count for more than negatives.",
	Arms: []lab.Arm{
		simclr,
		simclrSmall,
		{Name: "SimCLR, batch 256, three times as long", Method: "simclr", Length: 3},
		{Name: "SimCLR, batch 64, three times as long", Method: "simclr", Set: []string{"train.batch=64"}, Length: 3},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.More(lab.KNN, "SimCLR", "SimCLR, batch 64", 0),
		expect.Loses(lab.KNN, expect.Step{From: "SimCLR", To: "SimCLR, batch 64"},
			expect.Step{From: "SimCLR, batch 256, three times as long", To: "SimCLR, batch 64, three times as long"}),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "SimCLR", Of: "SimCLR, batch 64"},
}

var clr03 = lab.Experiment{
	ID: "CLR-03", Method: "simclr", NeedsLabels: true,
	Question: "What does SimCLR's projector contribute?",
	Claim: "The backbone's features are better with a projector of two layers than with a linear one, and better " +
		"with a linear one than with none.",
	Source:   "Chen et al. 2020, arXiv:2002.05709, figure 8 and section 4.2",
	Reported: "two layers are 3 % above linear, and more than 10 % above none",
	Scale:    "In runs this short, the projector has less to protect the features from.",
	Arms:     []lab.Arm{simclr, simclrLinear, simclrNoProjector},
	Shows:    []lab.Metric{lab.KNN, lab.FeatureRank, lab.EffectiveRank},
	Expect: []lab.Expectation{
		expect.More(lab.KNN, "SimCLR", "linear projector", 0),
		expect.More(lab.KNN, "linear projector", "without projector", 0),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "SimCLR", Of: "without projector"},
}

var clr04 = lab.Experiment{
	ID: "CLR-04", Method: "simclr",
	Question: "What happens to SimCLR without negatives?",
	Claim:    "If positives are only drawn together, all embeddings become one point.",
	Source:   "Chen et al. 2020, arXiv:2002.05709, section 2; Wang & Isola 2020, arXiv:2005.10242",
	Reported: "an argument; Grill et al. 2020, arXiv:2006.07733, table 5b, report 0.1 without predictor, target and " +
		"negatives, and 69.4 with negatives",
	Arms:   []lab.Arm{simclr, simclrNoNegatives},
	Shows:  []lab.Metric{lab.MeanCosine, lab.EffectiveRank, lab.Loss},
	Expect: []lab.Expectation{expect.Collapses("without negatives", collapse.Complete, collapse.Collapsing)},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "without negatives", Of: "SimCLR"},
}

var clr05 = lab.Experiment{
	ID: "CLR-05", Method: "simclr", NeedsLabels: true,
	Question: "Which augmentations does SimCLR need?",
	Claim: "Neither crops nor colour distortion suffice alone. Both together give far better features than either or " +
		"neither.",
	Source:   "Chen et al. 2020, arXiv:2002.05709, figure 5 and section 3.1",
	Reported: "a figure; \"no single transformation suffices\", and crops with colours stand out",
	Scale: "All arms keep flips. Blur is not used for small images, as in the paper. In grey images, colours are " +
		"brightness and contrast.",
	Arms: []lab.Arm{
		simclr,
		simclrNoColour,
		simclrNoCrop,
		{Name: "neither", Method: "simclr", Set: slices.Concat(noColour, noCrop)},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.Loss},
	Expect: []lab.Expectation{
		expect.More(lab.KNN, "SimCLR", "crops without colours", 0),
		expect.More(lab.KNN, "SimCLR", "colours without crops", 0),
		expect.More(lab.KNN, "SimCLR", "neither", 0),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "SimCLR", Of: "neither"},
}

var clr06 = lab.Experiment{
	ID: "CLR-06", Method: "simclr", NeedsLabels: true, Switch: "head",
	Question: "Which are the better features, those of the backbone or those that the loss sees?",
	Claim:    "The backbone's features h, before the projector, are far better than the embeddings z after it.",
	Source:   "Chen et al. 2020, arXiv:2002.05709, section 4.2",
	Reported: "h more than 10 % above z",
	Scale:    "Measured by kNN accuracy, which demands less than a linear classifier.",
	Arms:     []lab.Arm{simclr},
	Shows:    []lab.Metric{lab.KNN, lab.EmbeddingKNN, lab.FeatureRank, lab.EffectiveRank},
	Expect:   []lab.Expectation{expect.Exceeds(lab.KNN, lab.EmbeddingKNN, "SimCLR", 0)},
	Effect:   &lab.Effect{Metric: lab.KNN, Arm: "SimCLR", Of: "SimCLR", Than: lab.EmbeddingKNN},
}

var au01 = lab.Experiment{
	ID: "AU-01", Method: "simclr",
	Question: "Does a contrastive loss improve two things, alignment and uniformity?",
	Claim: "One point solves the alignment of positives alone, without uniformity. A contrastive loss improves " +
		"alignment and uniformity together.",
	Source:   "Wang & Isola 2020, arXiv:2005.10242, abstract",
	Reported: "a theorem on the limit of many negatives, without numbers",
	Scale: "The paper's two losses are not trained here. SimCLR's attraction stands for alignment, its repulsion for " +
		"uniformity.",
	Arms:  []lab.Arm{simclr, simclrNoNegatives},
	Shows: []lab.Metric{lab.Uniformity, lab.Alignment, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Collapses("without negatives", collapse.Complete, collapse.Collapsing),
		expect.Above(lab.Uniformity, "without negatives", -0.5),
		expect.Below(lab.Uniformity, "SimCLR", -2),
	},
	Effect: &lab.Effect{Metric: lab.Uniformity, Arm: "without negatives", Of: "SimCLR"},
}

var au02 = lab.Experiment{
	ID: "AU-02", Method: "simclr", NeedsLabels: true, Switch: "other",
	Question: "Do alignment and uniformity predict how good features are?",
	Claim:    "Among many encoders, those whose embeddings are both well aligned and uniform have the better features.",
	Source:   "Wang & Isola 2020, arXiv:2005.10242, abstract",
	Reported: "strong agreement between both metrics and downstream performance, without numbers in the abstract",
	Scale: "The sum of both, which the paper also trains on, ranks eight runs of SimCLR. Alignment is measured under " +
		"each run's own augmentation, which favours runs that lack some of it.",
	Arms:   contrastiveSweep,
	Shows:  []lab.Metric{lab.AlignmentUniformity, lab.Alignment, lab.Uniformity, lab.KNN},
	Expect: []lab.Expectation{expect.Foretells(lab.AlignmentUniformity, -1, names(contrastiveSweep)...)},
}

var contrastiveSweep = slices.Concat(simclrSweep, []lab.Arm{simclrNoNegatives, simclrNoColour, simclrNoCrop})

var tmp01 = lab.Experiment{
	ID: "TMP-01", Method: "simclr",
	Question: "What does the temperature do to the embeddings?",
	Claim:    "The lower the temperature, the more uniformly the embeddings are spread.",
	Source:   "Wang & Liu 2021, arXiv:2012.09740",
	Reported: "curves, without numbers",
	Scale: "At 0.05 the gradient comes from the nearest few negatives alone, and spreading takes longer than a short " +
		"run.",
	Arms:  []lab.Arm{simclr, simclrCold, simclrWarm},
	Shows: []lab.Metric{lab.Uniformity, lab.MeanCosine, lab.EffectiveRank},
	Expect: []lab.Expectation{
		expect.More(lab.Uniformity, "SimCLR", "temperature 0.05", 0),
		expect.More(lab.Uniformity, "temperature 1", "SimCLR", 0),
	},
	Effect: &lab.Effect{Metric: lab.Uniformity, Arm: "temperature 1", Of: "temperature 0.05"},
}

var dcl01 = lab.Experiment{
	ID: "DCL-01", Method: "dcl", NeedsLabels: true, Switch: "loss",
	Question: "In small batches, does it help to leave the positive out of the denominator?",
	Claim:    "In small batches DCL, whose denominator has negatives only, gives better features than SimCLR.",
	Source:   "Yeh et al. 2022, arXiv:2110.06848; numbers of raminnakhli/Decoupled-Contrastive-Learning",
	Reported: "CIFAR-10, ResNet-18, 100 epochs, linear: DCL / SimCLR 84.6 / 78.3 with batches of 32, 85.6 / 81.5 " +
		"with 64, 85.4 / 83.3 with 256",
	Arms: []lab.Arm{
		simclrSmall,
		{Name: "DCL, batch 64", Method: "dcl", Set: []string{"train.batch=64"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("DCL, batch 64"),
		expect.More(lab.KNN, "DCL, batch 64", "SimCLR, batch 64", 0),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "DCL, batch 64", Of: "SimCLR, batch 64"},
}

var sup01 = lab.Experiment{
	ID: "SUP-01", Method: "supcon", NeedsLabels: true, Switch: "loss",
	Question: "Should the sum over the images of a class be outside or inside the logarithm?",
	Claim:    "Outside gives better features.",
	Source:   "Khosla et al. 2020, arXiv:2004.11362, equations 2 and 3; numbers from memory",
	Reported: "78.7 outside, 67.4 inside (ImageNet, ResNet-50)",
	Arms: []lab.Arm{
		{Name: "SupCon, outside", Method: "supcon"},
		{Name: "SupCon, inside", Method: "supcon", Set: []string{"method.form=in"}},
	},
	Shows:  []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{expect.More(lab.KNN, "SupCon, outside", "SupCon, inside", 0)},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "SupCon, outside", Of: "SupCon, inside"},
}

var nnc01 = lab.Experiment{
	ID: "NNC-01", Method: "nnclr", NeedsLabels: true,
	Question: "Is an image's nearest neighbour a better positive than its other view?",
	Claim: "With the neighbour as the positive, features are better than with the other view, and lose less if crops " +
		"are the only augmentation.",
	Source:   "Dwibedi et al. 2021, arXiv:2104.14548, abstract",
	Reported: "75.6 instead of 71.7 (ImageNet, ResNet-50, linear); a relative loss of 2.1 % with crops alone",
	Scale: "Early on, an image's nearest neighbour may be of another class. The queue holds 2,048 embeddings instead " +
		"of 98,304.",
	Arms: []lab.Arm{
		nnclr,
		{Name: "the view itself", Method: "nnclr", Set: []string{"method.neighbour=false"}},
		{Name: "NNCLR, crops alone", Method: "nnclr", Set: cropsAlone},
		{Name: "the view itself, crops alone", Method: "nnclr",
			Set: slices.Concat([]string{"method.neighbour=false"}, cropsAlone)},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.Loss},
	Expect: []lab.Expectation{
		expect.More(lab.KNN, "NNCLR", "the view itself", 0),
		expect.Loses(lab.KNN, expect.Step{From: "the view itself", To: "the view itself, crops alone"},
			expect.Step{From: "NNCLR", To: "NNCLR, crops alone"}),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "NNCLR", Of: "the view itself"},
}
