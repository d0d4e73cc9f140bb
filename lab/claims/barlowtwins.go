// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"slices"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
)

// Claims about Barlow Twins.

// Arms of Barlow Twins that several experiments share: each runs once.
var (
	barlow         = lab.Arm{Name: "Barlow Twins", Method: "barlowtwins"}
	barlowDiagonal = lab.Arm{Name: "diagonal alone", Method: "barlowtwins",
		Set: []string{"method.lambda=0"}}
)

var bar01 = lab.Experiment{
	ID: "BAR-01", Method: "barlowtwins", NeedsLabels: true,
	Question: "Which half of Barlow Twins' loss matters?",
	Claim: "With the diagonal term alone, embeddings lose dimensions and features get worse. With the off-diagonal " +
		"term alone, nothing is learnt.",
	Source:   "Zbontar et al. 2021, arXiv:2103.03230, table 5",
	Reported: "both 71.4, diagonal alone 57.3, off-diagonal alone 0.1 (ImageNet, ResNet-50, 300 epochs, linear)",
	Scale: "In runs this short, accuracy differs little. The verdict rests on lost dimensions, and on kNN accuracy " +
		"no better than the untrained network's.",
	Arms: []lab.Arm{
		barlow,
		barlowDiagonal,
		{Name: "off-diagonal alone", Method: "barlowtwins", Set: []string{"method.on_diagonal=0"}},
	},
	Shows: []lab.Metric{lab.Participation, lab.EffectiveRank, lab.KNN, "terms.on_diagonal"},
	Expect: []lab.Expectation{
		expect.Collapses("diagonal alone", collapse.Dimensional),
		expect.Fails("off-diagonal alone"),
	},
	Effect: &lab.Effect{Metric: lab.Participation, Arm: "Barlow Twins", Of: "diagonal alone", LogScale: true},
}

var bar02 = lab.Experiment{
	ID: "BAR-02", Method: "barlowtwins", NeedsLabels: true,
	Question: "Does Barlow Twins need batch norm in its projector?",
	Claim: "Without batch norm in the projector Barlow Twins is as good, because its loss already standardises each " +
		"feature over the batch.",
	Source: "Zbontar et al. 2021, arXiv:2103.03230, table 5",
	Reported: "71.4 with it, 71.2 without, 53.4 without the loss's standardisation either (ImageNet, ResNet-50, 300 " +
		"epochs, linear)",
	Scale: "The row without any normalisation cannot be set here, because a correlation is normalised by definition. " +
		"A difference below 0.04 counts as equal.",
	Arms: []lab.Arm{
		barlow,
		{Name: "without batch norm in the projector", Method: "barlowtwins",
			Set: []string{"method.projector.norm=none"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.Participation, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("without batch norm in the projector"),
		expect.Near(lab.KNN, "without batch norm in the projector", "Barlow Twins", 0.04),
	},
}

var (
	barlowStopped   = []string{"variant.asymmetric.stop_gradient=true"}
	barlowPredicted = []string{"variant.asymmetric.predictor_mode=trained",
		"variant.asymmetric.predictor.widths=[256, 256]"}
)

var bar03 = lab.Experiment{
	ID: "BAR-03", Method: "barlowtwins",
	Question: "Must the two sides differ in Barlow Twins, as they do in SimSiam and BYOL?",
	Claim: "No: Barlow Twins does not collapse without asymmetry. With a stop-gradient, a predictor or both it does " +
		"not collapse either, but gets worse.",
	Source: "Zbontar et al. 2021, arXiv:2103.03230, table 6",
	Reported: "71.4; with a stop-gradient 70.5, with a predictor 70.2, with both 61.3 (ImageNet, ResNet-50, 300 " +
		"epochs, linear)",
	Scale: "Predictor and stop-gradient are on one side each, as in the paper. How much worse they make it is not " +
		"tested: runs this short cannot resolve points of accuracy.",
	Arms: []lab.Arm{
		barlow,
		{Name: "with stop-gradient", Method: "barlowtwins", Set: barlowStopped},
		{Name: "with predictor", Method: "barlowtwins", Set: barlowPredicted},
		{Name: "with both", Method: "barlowtwins", Set: slices.Concat(barlowStopped, barlowPredicted)},
		barlowDiagonal,
	},
	Shows: []lab.Metric{lab.EffectiveRank, lab.Participation, lab.MeanCosine, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("with stop-gradient"),
		expect.Survives("with predictor"),
		expect.Survives("with both"),
		expect.Visible("diagonal alone"),
	},
}

var barlowSmall = lab.Arm{Name: "Barlow Twins, batch 64", Method: "barlowtwins", Set: []string{"train.batch=64"}}

var bar04 = lab.Experiment{
	ID: "BAR-04", Method: "barlowtwins", NeedsLabels: true,
	Question: "Does Barlow Twins need large batches?",
	Claim:    "Barlow Twins, which compares features instead of images, loses less than SimCLR when batches are small.",
	Source:   "Zbontar et al. 2021, arXiv:2103.03230, figure 2",
	Reported: "a figure: best at 1,024 with 71.7, and hardly less at 256, where SimCLR has lost about four points",
	Scale: "Batches of 64 against 256, with the same number of images seen. A batch of 64 has fewer rows than the " +
		"256 features whose correlations it estimates.",
	Arms:  []lab.Arm{barlow, barlowSmall, simclr, simclrSmall},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("Barlow Twins, batch 64"),
		expect.Loses(lab.KNN, expect.Step{From: "SimCLR", To: "SimCLR, batch 64"}, expect.Step{From: "Barlow Twins",
			To: "Barlow Twins, batch 64"}),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "Barlow Twins, batch 64", Of: "SimCLR, batch 64"},
}

var bar05 = lab.Experiment{
	ID: "BAR-05", Method: "barlowtwins", NeedsLabels: true,
	Question: "Does Barlow Twins gain more than SimCLR from wider embeddings?",
	Claim:    "Yes: it keeps improving up to the widest embeddings, while SimCLR stops early.",
	Source:   "Zbontar et al. 2021, arXiv:2103.03230, figure 4",
	Reported: "a figure: from 16 to 16,384 dimensions Barlow Twins gains throughout, SimCLR and BYOL gain hardly " +
		"anything beyond 256",
	Scale: "Both are widened by a factor of sixteen, on 64 features: Barlow Twins from 64 to 1,024 dimensions, " +
		"SimCLR from 32 to 512.",
	Arms: []lab.Arm{
		barlow,
		{Name: "Barlow Twins, 64", Method: "barlowtwins", Set: []string{"method.projector.widths=[256, 256, 64]"}},
		{Name: "Barlow Twins, 1,024", Method: "barlowtwins", Set: []string{"method.projector.widths=[256, 256, 1024]"}},
		{Name: "SimCLR, 32", Method: "simclr", Set: []string{"method.projector.widths=[128, 32]"}},
		{Name: "SimCLR, 512", Method: "simclr", Set: []string{"method.projector.widths=[128, 512]"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.FeatureRank},
	Expect: []lab.Expectation{
		expect.Survives("Barlow Twins, 64"),
		expect.Survives("Barlow Twins, 1,024"),
		expect.More(lab.KNN, "Barlow Twins, 1,024", "Barlow Twins, 64", 0),
		expect.Loses(lab.KNN, expect.Step{From: "Barlow Twins, 1,024", To: "Barlow Twins, 64"},
			expect.Step{From: "SimCLR, 512", To: "SimCLR, 32"}),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "Barlow Twins, 1,024", Of: "Barlow Twins, 64"},
}

var bar06 = lab.Experiment{
	ID: "BAR-06", Method: "barlowtwins", NeedsLabels: true,
	Question: "How carefully must the weight of Barlow Twins' redundancy term be chosen?",
	Claim:    "It hardly matters within a factor of ten.",
	Source:   "Zbontar et al. 2021, arXiv:2103.03230, figure 5",
	Reported: "λ from 0.002 to 0.02: 70.8 to 71.6 (ImageNet, ResNet-50, 300 epochs, linear)",
	Scale: "There are 256 dimensions here instead of 8,192, so the term sums over fewer pairs. A difference below " +
		"0.04 counts as hardly any.",
	Arms: []lab.Arm{
		barlow, // λ is 0.0051
		{Name: "λ 0.002", Method: "barlowtwins", Set: []string{"method.lambda=0.002"}},
		{Name: "λ 0.02", Method: "barlowtwins", Set: []string{"method.lambda=0.02"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.Participation},
	Expect: []lab.Expectation{
		expect.Survives("λ 0.002"),
		expect.Survives("λ 0.02"),
		expect.Near(lab.KNN, "λ 0.002", "Barlow Twins", 0.04),
		expect.Near(lab.KNN, "λ 0.02", "Barlow Twins", 0.04),
	},
}

var bar07 = lab.Experiment{
	ID: "BAR-07", Method: "byol", NeedsLabels: true, Switch: "head",
	Question: "Would heads like those of Barlow Twins also improve BYOL?",
	Claim:    "No: deeper or wider heads make BYOL slightly worse.",
	Source:   "Zbontar et al. 2021, arXiv:2103.03230, table 7",
	Reported: "74.1; with three layers in the projector 74.0; with three layers of 8,192 and an equally wide " +
		"predictor 72.3 (ImageNet, ResNet-50, linear)",
	Scale: "Runs this short can hardly resolve two points of accuracy. The rule also tests that no arm collapses.",
	Arms: []lab.Arm{
		byol,
		{Name: "three layers", Method: "byol", Set: []string{"method.projector.widths=[128, 128, 128]"}},
		{Name: "three layers, four times as wide", Method: "byol",
			Set: []string{"method.projector.widths=[512, 512, 512]", "method.predictor.widths=[512, 512]"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("three layers"),
		expect.Survives("three layers, four times as wide"),
		expect.More(lab.KNN, "BYOL", "three layers", 0),
		expect.More(lab.KNN, "BYOL", "three layers, four times as wide", 0),
	},
}
