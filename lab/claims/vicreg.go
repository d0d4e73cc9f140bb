// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"slices"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
	"github.com/parallax-ssl/parallax/lab/theory"
)

// Claims about VICReg.

// Arms of VICReg that several experiments share: each runs once.
var (
	vicreg           = lab.Arm{Name: "VICReg", Method: "vicreg"} // 25, 25, 1
	vicregInvariance = lab.Arm{Name: "invariance alone", Method: "vicreg",
		Set: []string{"method.invariance=1", "method.variance=0", "method.covariance=0"}}
	vicregOnes = lab.Arm{Name: "1, 1, 1", Method: "vicreg",
		Set: []string{"method.invariance=1", "method.variance=1", "method.covariance=1"}}
	vicregVariance = lab.Arm{Name: "1, 10, 1", Method: "vicreg",
		Set: []string{"method.invariance=1", "method.variance=10", "method.covariance=1"}}
	vicregDrawn = lab.Arm{Name: "10, 1, 1", Method: "vicreg",
		Set: []string{"method.invariance=10", "method.variance=1", "method.covariance=1"}}
	vicregNoVariance = lab.Arm{Name: "without the variance term", Method: "vicreg",
		Set: []string{"method.variance=0"}}
	vicregNoInvariance = lab.Arm{Name: "without the invariance term", Method: "vicreg",
		Set: []string{"method.invariance=0"}}
	vicregNoCovariance = lab.Arm{Name: "without the covariance term", Method: "vicreg",
		Set: []string{"method.invariance=1", "method.variance=1", "method.covariance=0"}}
)

var vic01 = lab.Experiment{
	ID: "VIC-01", Method: "vicreg",
	Question: "What happens to VICReg if its two views are only drawn together?",
	Claim:    "With the invariance term alone, the embeddings become one point: nothing in the loss keeps them apart.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 7",
	Reported: "λ = 1, µ = ν = 0: \"collapse\"; 68.6 with all three terms (ImageNet, ResNet-50, 100 epochs, linear)",
	Arms:     []lab.Arm{vicreg, vicregInvariance},
	Shows:    []lab.Metric{lab.MeanCosine, lab.RawStd, lab.Loss},
	Expect:   []lab.Expectation{expect.Collapses("invariance alone", collapse.Complete, collapse.Collapsing)},
	Effect:   &lab.Effect{Metric: lab.MeanCosine, Arm: "invariance alone", Of: "VICReg"},
}

var vic02 = lab.Experiment{
	ID: "VIC-02", Method: "vicreg",
	Question: "Can VICReg's covariance term alone keep the embeddings apart?",
	Claim: "No: without the variance term VICReg collapses. The covariance term repels nothing, and is smallest when " +
		"all embeddings are equal.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 7",
	Reported: "λ = 25, µ = 0, ν = 1: \"collapse\"; 68.6 with all three terms",
	Scale: "While the embedding shrinks, the rank of what is left around the point grows. So the rank alone would " +
		"call this arm better.",
	Arms:  []lab.Arm{vicreg, vicregNoVariance},
	Shows: []lab.Metric{lab.MeanCosine, lab.RawStd, lab.EffectiveRank, lab.Loss},
	Expect: []lab.Expectation{
		expect.Collapses("without the variance term", collapse.Complete, collapse.Collapsing),
	},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "without the variance term", Of: "VICReg"},
}

var vic03 = lab.Experiment{
	ID: "VIC-03", Method: "vicreg", NeedsLabels: true,
	Question: "Is it enough for VICReg to spread the embeddings without drawing the views together?",
	Claim:    "Without the invariance term, nothing collapses, but no good features are learnt either.",
	Source: "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 7, a row printed as λ = 0, µ = 25, ν = 1, and " +
		"section 6",
	Reported: "\"collapse\" in the table, \"can not learn any good representations\" in the text",
	Scale: "The table calls it a collapse. By spread and rank it is none. The deciding metric is the kNN accuracy, " +
		"compared with the untrained network's.",
	Arms:  []lab.Arm{vicreg, vicregNoInvariance},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Collapses("without the invariance term", collapse.Uninformative),
		expect.More(lab.KNN, "VICReg", "without the invariance term", expect.KNNGain),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "VICReg", Of: "without the invariance term"},
}

var vic04 = lab.Experiment{
	ID: "VIC-04", Method: "vicreg",
	Question: "What does VICReg lose without its covariance term?",
	Claim: "Without the covariance term, the embeddings keep their variance but lose dimensions, and features are " +
		"worse.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 7",
	Reported: "λ = µ = 1, ν = 0: 57.5 instead of 68.6",
	Scale:    "The standard deviation of this arm looks perfect. Only ranks and correlations show the loss.",
	Arms:     []lab.Arm{vicreg, vicregNoCovariance},
	Shows:    []lab.Metric{lab.Participation, lab.EffectiveRank, lab.Correlation, lab.Std},
	Expect:   []lab.Expectation{expect.Collapses("without the covariance term", collapse.Dimensional)},
	Effect:   &lab.Effect{Metric: lab.Participation, Arm: "VICReg", Of: "without the covariance term", LogScale: true},
}

var vic05 = lab.Experiment{
	ID: "VIC-05", Method: "vicreg",
	Question: "Must VICReg's coefficients be large?",
	Claim: "VICReg collapses with λ, µ, ν of 1, 1, 1, of 1, 10, 1 and of 10, 1, 1. It does not collapse if λ and µ " +
		"are equal and large.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 7",
	Reported: "1, 1, 1; 1, 10, 1; 10, 1, 1: \"collapse\"; 5, 5, 1: 68.1; 10, 10, 1: 68.2; 25, 25, 1: 68.6",
	Scale: "The covariance term grows with the width of the embedding, 8,192 there and 256 here, and the optimiser " +
		"differs. So the point at which this term wins may not be reached.",
	Arms:  []lab.Arm{vicreg, vicregOnes, vicregVariance, vicregDrawn},
	Shows: []lab.Metric{lab.MeanCosine, lab.RawStd, lab.EffectiveRank},
	Expect: []lab.Expectation{
		expect.Collapses("1, 1, 1"),
		expect.Collapses("1, 10, 1"),
		expect.Collapses("10, 1, 1"),
	},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "1, 1, 1", Of: "VICReg"},
}

var simsiamBare = lab.Arm{Name: "without predictor and batch norm", Method: "simsiam",
	Set: []string{"method.predictor_mode=none", "method.projector.norm=none"}}

var vic06 = lab.Experiment{
	ID: "VIC-06", Method: "simsiam", NeedsLabels: true, Switch: "variance and covariance",
	Question: "Do VICReg's terms rescue SimSiam without predictor and batch norm?",
	Claim: "SimSiam without predictor and batch norm collapses. With VICReg's variance term it does not collapse, " +
		"and with the covariance term as well it is better still.",
	Source: "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 4 and appendix C.4",
	Reported: "SimSiam 67.9; without predictor and batch norm: collapse; with the variance term 56.8, with both 66.1 " +
		"(ImageNet, ResNet-50, 100 epochs, linear)",
	Scale: "The weights are 1 and 0.01, as in the paper, and the backbone keeps its batch norm. A projector without " +
		"batch norm begins with embeddings that nearly coincide. The first rule requires that the bare arm has not " +
		"spread them. Which rescued arm is better takes longer runs to tell, so their ranks are compared.",
	Arms: []lab.Arm{
		simsiam,
		simsiamBare,
		{Name: "with the variance term", Method: "simsiam",
			Set: append(slices.Clone(simsiamBare.Set), "variant.variance=1")},
		{Name: "with both terms", Method: "simsiam",
			Set: append(slices.Clone(simsiamBare.Set), "variant.variance=1", "variant.covariance=0.01")},
	},
	Shows: []lab.Metric{lab.MeanCosine, lab.EffectiveRank, lab.RawStd, lab.KNN},
	Expect: []lab.Expectation{
		expect.Above(lab.MeanCosine, "without predictor and batch norm", 0.9),
		expect.Below(lab.MeanCosine, "with the variance term", 0.9),
		expect.Survives("with both terms"),
		expect.Gains("with both terms", expect.KNNGain),
		expect.More(lab.EffectiveRank, "with both terms", "with the variance term", 0),
	},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "without predictor and batch norm", Of: "with both terms"},
}

var vic07 = lab.Experiment{
	ID: "VIC-07", Method: "vicreg", NeedsLabels: true, Switch: "batch norm",
	Question: "Does VICReg need batch norm?",
	Claim: "No: its terms keep the embeddings apart without batch norm, at little cost. Batch norm without its terms " +
		"does not.",
	Source: "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 4",
	Reported: "68.6 with batch norm in the projector and 67.4 without; \"collapse\" in both cases if the views are " +
		"only drawn together",
	Scale: "The backbone keeps its batch norm, as in the paper. A projector without batch norm begins with " +
		"embeddings that nearly coincide. The last rule requires that its arm has not spread them. The table's rows " +
		"with a predictor cannot be set for VICReg here.",
	Arms: []lab.Arm{
		vicreg,
		vicregInvariance,
		{Name: "without batch norm", Method: "vicreg", Set: []string{"method.projector.norm=none"}},
		{Name: "invariance alone, without batch norm", Method: "vicreg",
			Set: append(slices.Clone(vicregInvariance.Set), "method.projector.norm=none")},
	},
	Shows: []lab.Metric{lab.MeanCosine, lab.EffectiveRank, lab.RawStd, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("without batch norm"),
		expect.Gains("without batch norm", expect.KNNGain),
		expect.Collapses("invariance alone", collapse.Complete, collapse.Collapsing),
		expect.Above(lab.MeanCosine, "invariance alone, without batch norm", 0.9),
	},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "invariance alone, without batch norm", Of: "without batch norm"},
}

var vic08 = lab.Experiment{
	ID: "VIC-08", Method: "simsiam", Switch: "other",
	Question: "Do healthy runs of SimSiam and BYOL slowly collapse after all?",
	Claim:    "Yes: the spread of their embeddings keeps falling.",
	Source:   "Bardes et al. 2022, arXiv:2105.04906, section 6",
	Reported: "read from curves; the variance term adds 0.9 to BYOL's accuracy and 0.2 to SimSiam's",
	Scale:    "Judged by the second half of a short run, in which the learning rate falls as well.",
	Arms:     []lab.Arm{simsiam, byol},
	Shows:    []lab.Metric{lab.Std, lab.MeanCosine, lab.EffectiveRank},
	Expect:   []lab.Expectation{expect.Declines(lab.Std, "SimSiam"), expect.Declines(lab.Std, "BYOL")},
}

var vic09 = lab.Experiment{
	ID: "VIC-09", Method: "vicreg", NeedsLabels: true,
	Question: "Should VICReg's embeddings be standardised as well?",
	Claim:    "It makes no difference, because the variance term already controls their deviation.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 8",
	Reported: "68.6 as they are and 68.4 standardised; 67.4 and 67.2 without batch norm in the projector; 65.1 if " +
		"scaled to length 1 (ImageNet, ResNet-50, 100 epochs, linear)",
	Scale: "A difference below 0.04 counts as none. Embeddings of length 1 cannot be set here. A projector without " +
		"batch norm is tested in VIC-07.",
	Arms: []lab.Arm{
		vicreg,
		{Name: "standardised", Method: "vicreg", Set: []string{"method.projector.output_norm=true"}},
		vicregInvariance,
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.RawStd},
	Expect: []lab.Expectation{
		expect.Survives("standardised"),
		expect.Near(lab.KNN, "standardised", "VICReg", 0.04),
		expect.Visible("invariance alone"),
	},
}

var vic10 = lab.Experiment{
	ID: "VIC-10", Method: "vicreg", NeedsLabels: true,
	Question: "How wide should VICReg's projector be?",
	Claim:    "The wider the better, and no width makes it collapse.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 12",
	Reported: "55.9, 59.2, 62.4, 65.1, 67.3, 68.6 and 68.8 for 256, 512 ... 16,384 (ImageNet, ResNet-50, 100 epochs, " +
		"linear)",
	Scale: "64, 256 and 1,024 for 64 features, instead of 256 and more for 2,048. The published ends differ by " +
		"thirteen points, which may show. Neighbouring widths will not.",
	Arms: []lab.Arm{
		vicreg,
		{Name: "width 64", Method: "vicreg", Set: []string{"method.projector.widths=[64, 64, 64]"}},
		{Name: "width 1,024", Method: "vicreg", Set: []string{"method.projector.widths=[1024, 1024, 1024]"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.FeatureRank},
	Expect: []lab.Expectation{
		expect.Survives("width 64"),
		expect.Survives("width 1,024"),
		expect.More(lab.KNN, "width 1,024", "width 64", 0),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "width 1,024", Of: "width 64"},
}

var vic11 = lab.Experiment{
	ID: "VIC-11", Method: "vicreg",
	Question: "Does VICReg need large batches?",
	Claim:    "No: it is nearly as good with small batches, and never collapses.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, table 13",
	Reported: "67.3, 67.9, 68.2, 68.3, 68.6 and 67.8 for batches of 128, 256 ... 4,096 (ImageNet, ResNet-50, 100 " +
		"epochs, linear)",
	Scale: "All arms see the same number of images. Runs this short cannot resolve a point of accuracy, so collapse " +
		"is tested. At least 1,024 images are needed.",
	Arms: []lab.Arm{
		vicreg,
		{Name: "batch 64", Method: "vicreg", Set: []string{"train.batch=64"}},
		{Name: "batch 1024", Method: "vicreg", Set: []string{"train.batch=1024"}},
		vicregInvariance,
	},
	Shows: []lab.Metric{lab.EffectiveRank, lab.MeanCosine, lab.RawStd, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("batch 64"),
		expect.Survives("batch 1024"),
		expect.Visible("invariance alone"),
	},
}

var weightsApart = []string{"variant.untied=true"}

var vic12 = lab.Experiment{
	ID: "VIC-12", Method: "vicreg", Switch: "network",
	Question: "Must the two branches share their weights?",
	Claim: "No: VICReg, Barlow Twins and SimCLR learn with two networks that share no weights, at a loss of one to " +
		"five points. Methods like BYOL cannot.",
	Source: "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, section 6 and table 5",
	Reported: "with and without shared weights: VICReg 68.6 and 66.5, Barlow Twins 68.7 and 64.2, SimCLR 64.4 and " +
		"63.1 (ImageNet, ResNet-50, 100 epochs, linear); BYOL 69.3 and none",
	Scale: "One of the two networks is measured. In runs this short it has to find what it shares with a network " +
		"that began elsewhere. So the rule tests collapse, and not how much is lost. BYOL's target is a moving " +
		"average of its network. Networks of different architectures cannot be set here.",
	Arms: []lab.Arm{
		vicreg,
		{Name: "VICReg, separate weights", Method: "vicreg", Set: weightsApart},
		barlow,
		{Name: "Barlow Twins, separate weights", Method: "barlowtwins", Set: weightsApart},
		simclr,
		{Name: "SimCLR, separate weights", Method: "simclr", Set: weightsApart},
		vicregInvariance,
	},
	Shows: []lab.Metric{lab.EffectiveRank, lab.MeanCosine, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("VICReg, separate weights"),
		expect.Survives("Barlow Twins, separate weights"),
		expect.Survives("SimCLR, separate weights"),
		expect.Visible("invariance alone"),
	},
}

var vic13 = lab.Experiment{
	ID: "VIC-13", Method: "vicreg", Switch: "variance and covariance",
	Question: "Why does VICReg's hinge act on the standard deviation, and not on the variance?",
	Claim: "Near collapse, the slope of a hinge on the variance vanishes with the distance from the mean. The slope " +
		"of a hinge on the standard deviation does not, so only that one pushes embeddings apart again.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, section 4.1",
	Reported: "an argument, without numbers",
	Scale: "Computed on free embeddings with the invariance and variance terms at 25 each, without images or a " +
		"network. With the variance they also recover in the end, because the force on them grows with them.",
	Shows: []lab.Metric{recoverySlower1, recoverySlower10, slopeWeaker1, slopeWeaker10},
	Expect: []lab.Expectation{
		expect.Holds(slopeWeaker10, 3, 10),
		expect.Holds(slopeWeaker1, 10, 100),
		expect.Holds(recoverySteps1, 1, 100),
		expect.Holds(recoverySlower10, 1.5, 10),
		expect.Holds(recoverySlower1, 2, 100),
	},
	Closed: remembered(func(seed uint64) (lab.Sample, error) {
		s := lab.Sample{Values: map[lab.Metric]float64{}}
		for _, c := range []struct {
			std            float64
			slower, weaker lab.Metric
		}{{0.1, recoverySlower10, slopeWeaker10}, {0.01, recoverySlower1, slopeWeaker1}} {
			slope, steps := theory.Recovery(c.std, false, seed)
			weak, more := theory.Recovery(c.std, true, seed)
			s.Values[c.slower], s.Values[c.weaker] = more/steps, slope/weak
			if c.std == 0.01 {
				s.Values[recoverySteps1] = steps
			}
		}
		return s, nil
	}),
}

// The numbers of VIC-13 compare the hinge on the variance with the hinge on the standard deviation, for embeddings that
// begin with a standard deviation of 0.1 and 0.01: the factors by which its gradient's norm is smaller, and by which it
// takes longer to reach 0.5.
const (
	slopeWeaker10    lab.Metric = "from a tenth.slope_ratio"
	slopeWeaker1     lab.Metric = "from a hundredth.slope_ratio"
	recoverySlower10 lab.Metric = "from a tenth.steps_ratio"
	recoverySlower1  lab.Metric = "from a hundredth.steps_ratio"
	recoverySteps1   lab.Metric = "from a hundredth.steps" // of the hinge on the standard deviation
)
