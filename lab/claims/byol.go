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
	byolNoPredictor = lab.Arm{Name: "without predictor", Method: "byol",
		Set: []string{"method.predictor_mode=none"}}
	byolNoMomentum = lab.Arm{Name: "without momentum", Method: "byol",
		Set: []string{"method.target_momentum=0", "method.final_target_momentum=0"}}
	byolFixed = lab.Arm{Name: "fixed random target", Method: "byol",
		Set: []string{"method.target_mode=fixed"}}
	byolGroupNorm = lab.Arm{Name: "group norm", Method: "byol",
		Set: []string{"backbone.norm=group", "method.projector.norm=group", "method.predictor.norm=group"}}
)

var byo01 = lab.Experiment{
	ID: "BYO-01", Method: "byol",
	Question: "BYOL's target network slowly follows the trained network. What happens if the target is the trained " +
		"network itself?",
	Claim:  "Without momentum the embedding collapses.",
	Source: "Grill et al. 2020, arXiv:2006.07733, table 5a",
	Reported: "linear accuracy 18.8, 69.8, 72.5, 68.4 and 0.3 for a momentum of 1, 0.999, 0.99, 0.9 and 0. In " +
		"contrast: 67.7 without momentum (Chen & He 2021, figure 2)",
	Scale: "Published results contradict one another. The outcome depends on the predictor, its learning rate and " +
		"the weight decay. This is BYOL with SGD and small heads, which resemble SimSiam's.",
	Arms:   []lab.Arm{byol, byolNoMomentum, byolNoPredictor},
	Shows:  []lab.Metric{lab.MeanCosine, lab.EffectiveRank, lab.KNN},
	Expect: []lab.Expectation{expect.Collapses("without momentum"), expect.Visible("without predictor")},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "without momentum", Of: "BYOL"},
}

var byo02 = lab.Experiment{
	ID: "BYO-02", Method: "byol", NeedsLabels: true,
	Question: "Does BYOL collapse if its target stays at its random start?",
	Claim: "No: predicting a fixed random network is a poor task, but does not cause collapse, and the trained " +
		"network becomes better than the random one.",
	Source: "Grill et al. 2020, arXiv:2006.07733, table 5a and section 3",
	Reported: "linear accuracy 18.8 with a fixed target, 72.5 with a target that follows, 1.4 for the random network " +
		"itself",
	Scale: "It takes longer runs to show that the fixed target is worse.",
	Arms:  []lab.Arm{byol, byolFixed, byolNoPredictor},
	Shows: []lab.Metric{lab.Std, lab.EffectiveRank, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("fixed random target"),
		expect.Gains("fixed random target", expect.KNNGain),
		expect.Visible("without predictor"),
	},
}

var byo03 = lab.Experiment{
	ID: "BYO-03", Method: "byol",
	Question: "What happens to BYOL without its predictor?",
	Claim:    "The embedding collapses, with a slow target and without.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, table 5b",
	Reported: "linear accuracy 72.5 with predictor and target, 0.2 without predictor, 0.3 without target, 0.1 " +
		"without either",
	Arms: []lab.Arm{
		byol,
		byolNoPredictor,
		{Name: "without predictor or momentum", Method: "byol",
			Set: append([]string{"method.predictor_mode=none"}, byolNoMomentum.Set...)},
	},
	Shows: []lab.Metric{lab.MeanCosine, lab.Std, lab.Loss},
	Expect: []lab.Expectation{
		expect.Collapses("without predictor"),
		expect.Collapses("without predictor or momentum"),
	},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "without predictor", Of: "BYOL"},
}

var byo04 = lab.Experiment{
	ID: "BYO-04", Method: "byol", NeedsLabels: true, Switch: "predictor",
	Question: "Does BYOL's slow target give the predictor time to learn?",
	Claim: "Without momentum, BYOL works if its predictor learns faster than its projector, and collapses or is poor " +
		"if both learn equally fast.",
	Source: "Grill et al. 2020, arXiv:2006.07733, tables 21 and 22",
	Reported: "linear accuracy 72.5 with momentum. Without it, for rates of projector and predictor times 1 and 1: " +
		"3.2, 1 and 10: 66.9, 10 and 10: 8.3",
	Scale: "If the plain arm without momentum does not collapse, which is possible with SGD and small heads, there " +
		"is less to rescue.",
	Arms: []lab.Arm{
		byol,
		byolNoMomentum,
		{Name: "predictor at ten times the rate", Method: "byol",
			Set: append(slices.Clone(byolNoMomentum.Set), "method.predictor_rate_factor=10")},
		{Name: "projector and predictor at ten times the rate", Method: "byol",
			Set: append(slices.Clone(byolNoMomentum.Set), "method.predictor_rate_factor=10",
				"method.projector_rate_factor=10")},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("predictor at ten times the rate"),
		expect.Gains("predictor at ten times the rate", expect.KNNGain),
		expect.Fails("projector and predictor at ten times the rate"),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "predictor at ten times the rate",
		Of: "projector and predictor at ten times the rate"},
}

var byolSmall = lab.Arm{Name: "BYOL, batch 64", Method: "byol", Set: []string{"train.batch=64"}}

var byo05 = lab.Experiment{
	ID: "BYO-05", Method: "byol", NeedsLabels: true,
	Question: "Does BYOL, which needs no negatives, also need no large batches?",
	Claim:    "With the same number of epochs, small batches cost BYOL less accuracy than SimCLR.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, figure 3a",
	Reported: "a figure: BYOL is almost constant from batches of 4,096 down to 256, where SimCLR drops; their best " +
		"are 72.5 and 67.1, as quoted in Barlow Twins' paper",
	Scale: "Batches of 256 and 64, with the same number of images seen. Small batches take four times as many steps, " +
		"which helps in short runs.",
	Arms:  []lab.Arm{byol, byolSmall, simclr, simclrSmall},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("BYOL, batch 64"),
		expect.Loses(lab.KNN, expect.Step{From: "SimCLR", To: "SimCLR, batch 64"}, expect.Step{From: "BYOL",
			To: "BYOL, batch 64"}),
	},
}

var byo06 = lab.Experiment{
	ID: "BYO-06", Method: "byol", NeedsLabels: true,
	Question: "Does BYOL depend less on augmentation than SimCLR?",
	Claim: "With crops as the only augmentation, BYOL loses less than SimCLR, which can match views by " +
		"their colours.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, section 5",
	Reported: "linear accuracy with crops alone 59.4 for BYOL and 40.3 for SimCLR",
	Scale:    "Flips are kept. In grey images, colours are brightness and contrast, which reveal less.",
	Arms: []lab.Arm{
		byol,
		{Name: "BYOL, crops alone", Method: "byol", Set: cropsAlone},
		simclr,
		{Name: "SimCLR, crops alone", Method: "simclr", Set: noColour},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.Loss},
	Expect: []lab.Expectation{
		expect.Loses(lab.KNN, expect.Step{From: "SimCLR", To: "SimCLR, crops alone"}, expect.Step{From: "BYOL",
			To: "BYOL, crops alone"}),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "BYOL, crops alone", Of: "SimCLR, crops alone"},
}

var byo07 = lab.Experiment{
	ID: "BYO-07", Method: "byol", NeedsLabels: true,
	Question: "Can a network become better than the network whose outputs it predicts?",
	Claim: "Yes: predicting a fixed random network from other views gives better features than that network has. " +
		"This is why BYOL then predicts what it has learnt.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, section 3",
	Reported: "linear accuracy 18.8; the random network itself has 1.4",
	Scale:    "The target is a copy of the untrained network, so its accuracy is that of the first evaluation.",
	Arms:     []lab.Arm{byol, byolFixed},
	Shows:    []lab.Metric{lab.KNN, lab.EffectiveRank, lab.Loss},
	Expect:   []lab.Expectation{expect.Gains("fixed random target", expect.KNNGain)},
}

var byo08 = lab.Experiment{
	ID: "BYO-08", Method: "byol", Switch: "views", NeedsLabels: true,
	Question: "BYOL predicts each view from the other. What is lost with one direction alone, at equal steps and at " +
		"equal predictions?",
	Claim: "One direction does not collapse. With an equal number of predictions, which takes twice the steps, it is " +
		"nearly as good.",
	Source: "Chen & He 2021, arXiv:2011.10566, section 4.6, on SimSiam; tested here on BYOL",
	Reported: "SimSiam: linear accuracy 68.1 in both directions, 64.8 in one, 67.3 in one with an equal number of " +
		"predictions",
	Scale: "kNN accuracy replaces linear accuracy. A difference below 0.04 counts as nearly as good.",
	Arms: []lab.Arm{
		byol,
		{Name: "one direction", Method: "byol", Set: []string{"method.symmetric=false"}},
		{Name: "one direction, twice the steps", Method: "byol", Set: []string{"method.symmetric=false"}, Length: 2},
		byolNoPredictor,
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("one direction"),
		expect.Survives("one direction, twice the steps"),
		expect.Near(lab.KNN, "one direction, twice the steps", "BYOL", 0.04),
		expect.Visible("without predictor"),
	},
}

var byo09 = lab.Experiment{
	ID: "BYO-09", Method: "byol",
	Question: "Why does BYOL's target follow the trained network instead of being trained itself?",
	Claim:    "A target that is trained on the same loss becomes constant: the loss then goes to 0, its minimum.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, section 3.2",
	Reported: "an argument without numbers: a constant target has no variance that the predictor could leave " +
		"unexplained",
	Scale: "The claim is about the target's embedding. In 200 steps the loss may vanish sooner than the target's " +
		"spread.",
	Arms: []lab.Arm{
		byol,
		{Name: "target trained on the loss", Method: "byol", Set: []string{"method.target_mode=gradient"}},
	},
	Shows: []lab.Metric{lab.Loss, lab.TargetStd, lab.TargetCosine, lab.MeanCosine, lab.EffectiveRank},
	Expect: []lab.Expectation{
		expect.Solves("target trained on the loss", 0),
		expect.Vanishes(lab.TargetStd, "target trained on the loss"),
	},
	Effect: &lab.Effect{Metric: lab.Loss, Arm: "BYOL", Of: "target trained on the loss"},
}

// The numbers of BYO-10, relative to the variance of the target.
const (
	identityError lab.Metric = "identity.error" // largest error of the identity, over random predictors
	// smallest increase of the error when embeddings are merged, over random ways to merge
	leastLoss    lab.Metric = "identity.increase"
	constantLoss lab.Metric = "identity.constant" // increase of the error when the embedding is constant
	// difference between the gradients under the fixed best predictor and of the smallest error
	envelopeError lab.Metric = "identity.gradient"
)

var byo10 = lab.Experiment{
	ID: "BYO-10", Method: "byol", Switch: "predictor",
	Question: "BYOL's paper argues that with a good predictor there is no reason to collapse. Is its mathematics " +
		"right?",
	Claim: "The best predictor's error is the variance of the target that the embedding leaves unexplained, and both " +
		"have the same gradient. An embedding with less information, above all a constant one, never has a smaller " +
		"error.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, section 3.2 and appendix H",
	Reported: "an identity: min over q of E‖q(z) - z'‖² = E Σᵢ Var(z'ᵢ | z)",
	Scale: "Random variables with finitely many values, and linear predictors for the gradient. The identity holds " +
		"for a fixed target. It does not say where both networks go together.",
	Shows: []lab.Metric{identityError, leastLoss, constantLoss, envelopeError},
	Expect: []lab.Expectation{
		expect.Holds(identityError, 0, 1e-12),
		expect.Holds(leastLoss, -1e-12, 1),
		expect.Holds(constantLoss, 1e-3, 1),
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
	Question: "With batch norm, the images of a batch affect one another. Does BYOL need that to avoid collapse?",
	Claim: "No: with group norm and weight standardisation, which treat each image on its own, BYOL does not " +
		"collapse and learns as well.",
	Source:   "Richemond et al. 2020, arXiv:2010.10241, abstract",
	Reported: "linear accuracy 73.9 with group norm and weight standardisation, 74.3 with batch norm",
	Scale: "Learning is tested against the untrained network. Runs this short cannot resolve the difference of less " +
		"than a point between two kinds of normalisation.",
	Arms:  []lab.Arm{byol, byolGroupNorm, byolNoPredictor},
	Shows: []lab.Metric{lab.Std, lab.EffectiveRank, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("group norm"),
		expect.Gains("group norm", expect.KNNGain),
		expect.Visible("without predictor"),
	},
}

var byg02 = lab.Experiment{
	ID: "BYG-02", Method: "byol", NeedsLabels: true,
	Question: "Without normalisation, what does BYOL lack: the normalisation itself, or the initial weights that go " +
		"with it?",
	Claim: "Without normalisation BYOL is no better than chance. It learns if only the initial weights and biases " +
		"are as batch norm would have them.",
	Source: "Richemond et al. 2020, arXiv:2010.10241, section 3",
	Reported: "linear accuracy 74.3 with batch norm, 0.1 without any normalisation, 65.7 without any from tuned " +
		"initial weights",
	Scale: "Networks without normalisation begin with embeddings that nearly coincide, so the geometry of the " +
		"embeddings cannot decide. kNN accuracy does. Both arms are trained at a sixth of the usual rate, because " +
		"networks without normalisation do not tolerate a large one.",
	Arms: []lab.Arm{
		byol,
		{Name: "no normalisation", Method: "byol",
			Set: []string{"backbone.norm=none", "method.projector.norm=none", "method.predictor.norm=none",
				"optim.base_rate=0.01"}},
		{Name: "tuned initial weights", Method: "byol",
			Set: []string{"backbone.norm=tuned", "method.projector.norm=tuned", "method.predictor.norm=tuned",
				"optim.base_rate=0.01"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.MeanCosine, lab.Std, lab.Loss},
	Expect: []lab.Expectation{
		expect.Fails("no normalisation"),
		expect.Survives("tuned initial weights"),
		expect.Gains("tuned initial weights", expect.KNNGain),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "tuned initial weights", Of: "no normalisation"},
}

var byg03 = lab.Experiment{
	ID: "BYG-03", Method: "byol", NeedsLabels: true,
	Question: "Is BYOL contrastive in disguise, because batch norm in its heads compares the images of a batch?",
	Claim:    "Without batch norm in its heads, BYOL is no better than random.",
	Source: "Fetterman & Albrecht 2020, " +
		"untitled-ai.github.io/understanding-self-supervised-contrastive-learning.html",
	Reported: "generally no better than random. In contrast: 72.1 with batch norm in the backbone alone and 73.9 " +
		"with group norm throughout, compared with 74.3 (Richemond et al. 2020)",
	Scale: "The claim says that batch norm is necessary, so one alternative that works refutes it. Heads without any " +
		"normalisation may fail. Heads with group norm, which compares nothing, must fail as well.",
	Arms: []lab.Arm{
		byol,
		{Name: "no normalisation in the heads", Method: "byol",
			Set: []string{"method.projector.norm=none", "method.predictor.norm=none"}},
		byolGroupNorm,
	},
	Shows:  []lab.Metric{lab.KNN, lab.MeanCosine, lab.EffectiveRank},
	Expect: []lab.Expectation{expect.Fails("no normalisation in the heads"), expect.Fails("group norm")},
}
