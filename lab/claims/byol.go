// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"slices"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
	"github.com/parallax-ssl/parallax/lab/theory"
)

// Claims about BYOL.

// Arms of BYOL that several experiments share: each runs once.
var (
	byol            = lab.Arm{Name: "BYOL", Method: "byol"}
	byolNoPredictor = lab.Arm{Name: "without predictor", Method: "byol", Set: []string{"method.predictor_mode=none"}}
	byolNoMomentum  = lab.Arm{Name: "without momentum", Method: "byol",
		Set: []string{"method.target_momentum=0", "method.final_target_momentum=0"}}
	byolFixed     = lab.Arm{Name: "fixed random target", Method: "byol", Set: []string{"method.target_mode=fixed"}}
	byolGroupNorm = lab.Arm{Name: "group norm", Method: "byol", Set: []string{
		"backbone.norm=group", "method.projector.norm=group", "method.predictor.norm=group"}}
)

var byo01 = lab.Experiment{
	ID: "BYO-01", Method: "byol",
	Question: "BYOL's target network follows the trained one slowly. What happens when it is the trained one itself?",
	Claim:    "Without momentum the embedding collapses.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, table 5a",
	Reported: "linear accuracy 18.8, 69.8, 72.5, 68.4 and 0.3 for a momentum of 1, 0.999, 0.99, 0.9 and 0. Against it: " +
		"67.7 without momentum (Chen & He 2021, figure 2)",
	Scale: "Published results contradict one another: it depends on the predictor, its learning rate and the weight " +
		"decay. This is BYOL with SGD and small heads, " +
		"which are nearer to SimSiam's.",
	Arms:   []lab.Arm{byol, byolNoMomentum, byolNoPredictor},
	Shows:  []lab.Metric{lab.MeanCosine, lab.EffectiveRank, lab.KNN},
	Expect: []lab.Expectation{expect.Collapses("without momentum"), expect.Visible("without predictor")},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "without momentum", Of: "BYOL"},
}

var byo02 = lab.Experiment{
	ID: "BYO-02", Method: "byol", NeedsLabels: true,
	Question: "Does BYOL collapse when its target stays at its random start?",
	Claim: "No: to predict a fixed random network is a poor task, but no collapse, and more is learnt than the random " +
		"network knows.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, table 5a and section 3",
	Reported: "linear accuracy 18.8 with a fixed target, 72.5 with one that follows, 1.4 of the random network itself",
	Scale:    "That the fixed target is the worse one takes longer runs to show.",
	Arms:     []lab.Arm{byol, byolFixed, byolNoPredictor},
	Shows:    []lab.Metric{lab.Std, lab.EffectiveRank, lab.KNN},
	Expect: []lab.Expectation{expect.Survives("fixed random target"),
		expect.Gains("fixed random target", expect.KNNGain), expect.Visible("without predictor")},
}

var byo03 = lab.Experiment{
	ID: "BYO-03", Method: "byol",
	Question: "What happens to BYOL without its predictor?",
	Claim:    "The embedding collapses, with a target that follows slowly and without.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, table 5b",
	Reported: "linear accuracy 72.5 with predictor and target, 0.2 without predictor, 0.3 without target, 0.1 without " +
		"either",
	Arms: []lab.Arm{byol, byolNoPredictor,
		{Name: "without predictor or momentum", Method: "byol", Set: append([]string{"method.predictor_mode=none"},
			byolNoMomentum.Set...)}},
	Shows:  []lab.Metric{lab.MeanCosine, lab.Std, lab.Loss},
	Expect: []lab.Expectation{expect.Collapses("without predictor"), expect.Collapses("without predictor or momentum")},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "without predictor", Of: "BYOL"},
}

var byo04 = lab.Experiment{
	ID: "BYO-04", Method: "byol", NeedsLabels: true, Switch: "predictor",
	Question: "Is BYOL's slow target there to give the predictor time?",
	Claim: "Without momentum BYOL works when its predictor learns faster than its projector, and collapses or is poor " +
		"when the projector learns as fast.",
	Source: "Grill et al. 2020, arXiv:2006.07733, tables 21 and 22",
	Reported: "linear accuracy 72.5 with momentum; without it, projector's and predictor's rate times 1 and 1: 3.2, 1 " +
		"and 10: 66.9, 10 and 10: 8.3",
	Scale: "Where the plain arm without momentum does not collapse, as may be with SGD and small heads, there is less " +
		"to rescue.",
	Arms: []lab.Arm{byol, byolNoMomentum,
		{Name: "predictor at ten times the rate", Method: "byol", Set: append(slices.Clone(byolNoMomentum.Set),
			"method.predictor_rate_factor=10")},
		{Name: "projector and predictor at ten times the rate", Method: "byol", Set: append(slices.Clone(byolNoMomentum.Set),
			"method.predictor_rate_factor=10", "method.projector_rate_factor=10")}},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("predictor at ten times the rate"), expect.Gains("predictor at ten times the rate", expect.KNNGain),
		expect.Fails("projector and predictor at ten times the rate"),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "predictor at ten times the rate",
		Of: "projector and predictor at ten times the rate"},
}

var byolSmall = lab.Arm{Name: "BYOL, batch 64", Method: "byol", Set: []string{"train.batch=64"}}

var byo05 = lab.Experiment{
	ID: "BYO-05", Method: "byol", NeedsLabels: true,
	Question: "Does BYOL need large batches as little as it needs negatives?",
	Claim:    "At the same number of epochs BYOL loses less accuracy than SimCLR when the batch is small.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, figure 3a",
	Reported: "a figure: BYOL almost flat from batches of 4,096 down to 256, where SimCLR drops; at their best 72.5 and " +
		"67.1 as Barlow Twins' paper quotes them",
	Scale: "Batches of 256 and 64, which see the same images: the small ones take four times as many steps, of which " +
		"short runs have too few.",
	Arms:  []lab.Arm{byol, byolSmall, simclr, simclrSmall},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("BYOL, batch 64"),
		expect.Loses(lab.KNN, expect.Step{From: "SimCLR", To: "SimCLR, batch 64"},
			expect.Step{From: "BYOL", To: "BYOL, batch 64"}),
	},
}

var byo06 = lab.Experiment{
	ID: "BYO-06", Method: "byol", NeedsLabels: true,
	Question: "Is BYOL less dependent on the augmentation than SimCLR?",
	Claim: "With crops as the only augmentation BYOL loses less than SimCLR, whose views can be told apart by their " +
		"colours.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, section 5",
	Reported: "linear accuracy with crops alone 59.4 for BYOL and 40.3 for SimCLR",
	Scale:    "Flips remain. In gray images colours are brightness and contrast, which tell less.",
	Arms: []lab.Arm{
		byol,
		{Name: "BYOL, crops alone", Method: "byol", Set: cropsAlone},
		simclr,
		{Name: "SimCLR, crops alone", Method: "simclr", Set: noColour},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.Loss},
	Expect: []lab.Expectation{expect.Loses(lab.KNN, expect.Step{From: "SimCLR", To: "SimCLR, crops alone"},
		expect.Step{From: "BYOL", To: "BYOL, crops alone"})},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "BYOL, crops alone", Of: "SimCLR, crops alone"},
}

var byo07 = lab.Experiment{
	ID: "BYO-07", Method: "byol", NeedsLabels: true,
	Question: "Can a network become better than the one whose outputs it learns to predict?",
	Claim: "Yes: predicting a fixed random network from other views gives better features than that network has, which " +
		"is why BYOL goes on to predict what it has learnt.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, section 3",
	Reported: "linear accuracy 18.8, of the random network itself 1.4",
	Scale:    "The target is a copy of the network before training, so its accuracy is that of the first evaluation.",
	Arms:     []lab.Arm{byol, byolFixed},
	Shows:    []lab.Metric{lab.KNN, lab.EffectiveRank, lab.Loss},
	Expect:   []lab.Expectation{expect.Gains("fixed random target", expect.KNNGain)},
}

var byo08 = lab.Experiment{
	ID: "BYO-08", Method: "byol", Switch: "views", NeedsLabels: true,
	Question: "BYOL predicts each view from the other. What does one direction alone cost, at as many steps and at as " +
		"many predictions?",
	Claim: "One direction does not collapse, and with as many predictions, which are twice the steps, it is nearly as " +
		"good.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 4.6, of SimSiam; put to BYOL here",
	Reported: "SimSiam: linear accuracy 68.1 in both directions, 64.8 in one, 67.3 in one with as many predictions",
	Scale:    "The accuracy of neighbours stands for the linear one, and a difference below 0.04 for nearly as good.",
	Arms: []lab.Arm{byol,
		{Name: "one direction", Method: "byol", Set: []string{"method.symmetric=false"}},
		{Name: "one direction, twice the steps", Method: "byol", Set: []string{"method.symmetric=false"}, Length: 2},
		byolNoPredictor},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("one direction"), expect.Survives("one direction, twice the steps"),
		expect.Near(lab.KNN, "one direction, twice the steps", "BYOL", 0.04), expect.Visible("without predictor"),
	},
}

var byo09 = lab.Experiment{
	ID: "BYO-09", Method: "byol",
	Question: "Why does BYOL's target follow the trained network, and is not trained to lower the loss itself?",
	Claim:    "A target that is trained by the same loss becomes constant: the loss then goes to 0, its minimum.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, section 3.2",
	Reported: "an argument without numbers: of the variance that the predictor leaves unexplained, a constant target " +
		"has none",
	Scale: "What is measured besides the loss is the trained network's embedding, and the claim is about the target's: " +
		"the loss decides.",
	Arms: []lab.Arm{byol, {Name: "target trained by the loss", Method: "byol",
		Set: []string{"method.target_mode=gradient"}}},
	Shows:  []lab.Metric{lab.Loss, lab.MeanCosine, lab.EffectiveRank},
	Expect: []lab.Expectation{expect.Solves("target trained by the loss", 0)},
	Effect: &lab.Effect{Metric: lab.Loss, Arm: "BYOL", Of: "target trained by the loss"},
}

// What BYO-10 computes, each relative to the variance of the target.
const (
	identityError lab.Metric = "identity.error" // of the decomposition, the largest over random predictors
	// by which the error grows when embeddings are told apart less, the least over random ways
	leastLoss    lab.Metric = "identity.increase"
	constantLoss lab.Metric = "identity.constant" // by which it grows when the embedding is constant
	// between the gradient under the best predictor, held still, and that of the least error
	envelopeError lab.Metric = "identity.gradient"
)

var byo10 = lab.Experiment{
	ID: "BYO-10", Method: "byol", Switch: "predictor",
	Question: "BYOL's paper argues that a good predictor gives the network no reason to collapse. Is the argument's " +
		"mathematics right?",
	Claim: "The error of the best predictor is the variance that the embedding leaves in the target, its gradient is " +
		"that variance's, and an embedding that " +
		"says less, a constant above all, never has the smaller error.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, section 3.2 and appendix H",
	Reported: "an identity: min over q of E‖q(z) - z'‖² = E Σᵢ Var(z'ᵢ | z)",
	Scale: "Random variables with finitely many values, and for the gradient linear predictors. It holds for a target " +
		"that stands still and says nothing of where both networks go together.",
	Shows: []lab.Metric{identityError, leastLoss, constantLoss, envelopeError},
	Expect: []lab.Expectation{
		expect.Holds(identityError, 0, 1e-12), expect.Holds(leastLoss, -1e-12, 1), expect.Holds(constantLoss, 1e-3, 1),
		expect.Holds(envelopeError, 0, 1e-6),
	},
	Closed: remembered(func(seed uint64) (lab.Sample, error) {
		d := theory.ConditionalVariance(seed)
		return lab.Sample{Values: map[lab.Metric]float64{
			identityError: d.Error, leastLoss: d.Increase, constantLoss: d.Constant, envelopeError: d.Gradient,
		}}, nil
	}),
}

var byg01 = lab.Experiment{
	ID: "BYG-01", Method: "byol", NeedsLabels: true,
	Question: "Batch norm lets the images of a batch see one another. Does BYOL need that in order not to collapse?",
	Claim: "No: with group norm and weight standardisation, which see one image at a time, BYOL does not collapse and " +
		"learns as well.",
	Source:   "Richemond et al. 2020, arXiv:2010.10241, abstract",
	Reported: "linear accuracy 73.9 with group norm and weight standardisation, 74.3 with batch norm",
	Scale: "That it learns is tested against the untrained network: less than a point between two kinds of " +
		"normalisation cannot be told in runs this short.",
	Arms:  []lab.Arm{byol, byolGroupNorm, byolNoPredictor},
	Shows: []lab.Metric{lab.Std, lab.EffectiveRank, lab.KNN},
	Expect: []lab.Expectation{expect.Survives("group norm"), expect.Gains("group norm", expect.KNNGain),
		expect.Visible("without predictor")},
}

var byg02 = lab.Experiment{
	ID: "BYG-02", Method: "byol", NeedsLabels: true,
	Question: "What happens to BYOL without any normalisation, and is it normalisation that is missing, or the start " +
		"that it gives?",
	Claim: "Without normalisation BYOL is no better than chance. With weights and biases that only start as batch norm " +
		"would have them it learns.",
	Source:   "Richemond et al. 2020, arXiv:2010.10241, section 3",
	Reported: "linear accuracy 74.3 with batch norm, 0.1 without any, 65.7 without any from a tuned start",
	Scale: "Networks without normalisation begin with embeddings that nearly coincide, so the geometry of these cannot " +
		"decide: the neighbours of the features do. " +
		"Both are trained at a sixth of the usual rate, as normalisation is what lets a network bear a large one.",
	Arms: []lab.Arm{byol,
		{Name: "no normalisation", Method: "byol", Set: []string{"backbone.norm=none", "method.projector.norm=none",
			"method.predictor.norm=none", "optim.base_rate=0.01"}},
		{Name: "tuned start", Method: "byol", Set: []string{"backbone.norm=tuned", "method.projector.norm=tuned",
			"method.predictor.norm=tuned", "optim.base_rate=0.01"}}},
	Shows: []lab.Metric{lab.KNN, lab.MeanCosine, lab.Std, lab.Loss},
	Expect: []lab.Expectation{expect.Fails("no normalisation"), expect.Survives("tuned start"),
		expect.Gains("tuned start", expect.KNNGain)},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "tuned start", Of: "no normalisation"},
}

var byg03 = lab.Experiment{
	ID: "BYG-03", Method: "byol", NeedsLabels: true,
	Question: "Is BYOL a contrastive method in disguise, because batch norm in its heads compares the images of a batch?",
	Claim:    "Without batch norm in its heads BYOL performs no better than random.",
	Source:   "Fetterman & Albrecht 2020, untitled-ai.github.io/understanding-self-supervised-contrastive-learning.html",
	Reported: "generally no better than random. Against it: 72.1 with batch norm in the backbone alone and 73.9 with " +
		"group norm throughout, of 74.3 (Richemond et al. 2020)",
	Scale: "The claim is of a necessity, so that one way to do without is enough to refute it: heads without any " +
		"normalisation may fail, and heads with " +
		"group norm, which compares nothing, must fail as well.",
	Arms: []lab.Arm{byol,
		{Name: "no normalisation in the heads", Method: "byol", Set: []string{"method.projector.norm=none",
			"method.predictor.norm=none"}}, byolGroupNorm},
	Shows:  []lab.Metric{lab.KNN, lab.MeanCosine, lab.EffectiveRank},
	Expect: []lab.Expectation{expect.Fails("no normalisation in the heads"), expect.Fails("group norm")},
}
