// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
)

// Claims about SimSiam, including those of papers that analyse it.

// Arms of SimSiam that several experiments share: each runs once.
var (
	simsiam       = lab.Arm{Name: "SimSiam", Method: "simsiam"}
	simsiamNoStop = lab.Arm{Name: "without stop-gradient", Method: "simsiam",
		Set: []string{"method.stop_gradient=false"}}
	simsiamNoPredictor = lab.Arm{Name: "without predictor", Method: "simsiam",
		Set: []string{"method.predictor_mode=none"}}
	simsiamFixed = lab.Arm{Name: "predictor fixed", Method: "simsiam",
		Set: []string{"method.predictor_mode=fixed"}}
	simsiamOneWay = lab.Arm{Name: "one direction", Method: "simsiam",
		Set: []string{"method.symmetric=false"}}
	simsiamEntropy = lab.Arm{Name: "cross-entropy", Method: "simsiam",
		Set: []string{"method.similarity=cross_entropy"}}
	simsiamHidden = lab.Arm{Name: "batch norm in hidden layers only", Method: "simsiam",
		Set: []string{"method.projector.output_norm=false"}}
	simsiamLarge  = lab.Arm{Name: "batch 1024", Method: "simsiam", Set: []string{"train.batch=1024"}}
	simsiamNarrow = lab.Arm{Name: "a quarter as wide", Method: "simsiam", Set: []string{"backbone.width=4"}}
	simsiamWide   = lab.Arm{Name: "twice as wide", Method: "simsiam", Set: []string{"backbone.width=32"}}
	// The paper warms up for a tenth of the run if it removes batch norm.
	simsiamNoNorm = lab.Arm{Name: "without batch norm in the heads", Method: "simsiam",
		Set: []string{"method.projector.norm=none", "method.predictor.norm=none", "optim.warmup_steps=20"}}
)

var sim01 = lab.Experiment{
	ID: "SIM-01", Method: "simsiam",
	Question: "What happens to SimSiam without its stop-gradient?",
	Claim: "Without the stop-gradient, the outputs become constant: the loss reaches its minimum of -1, and the " +
		"standard deviation goes to 0.",
	Source:   "Chen & He 2021, arXiv:2011.10566, figure 2",
	Reported: "linear accuracy 67.7 with it and 0.1 without; std near 1/√d with it and 0 without",
	Scale: "The collapse takes some hundred steps and passes through embeddings of few dimensions. At 200 steps it " +
		"may still be in progress.",
	Arms:  []lab.Arm{simsiam, simsiamNoStop},
	Shows: []lab.Metric{lab.Std, lab.Loss, lab.MeanCosine, lab.EffectiveRank, lab.GradientRatio},
	Expect: []lab.Expectation{
		expect.Collapses("without stop-gradient"),
		expect.Solves("without stop-gradient", -1),
		expect.Vanishes(lab.Std, "without stop-gradient"),
	},
	Effect: &lab.Effect{Metric: lab.Loss, Arm: "SimSiam", Of: "without stop-gradient"},
}

var sim02 = lab.Experiment{
	ID: "SIM-02", Method: "simsiam",
	Question: "SimSiam compares a prediction from one view with the other view. What happens if the views are " +
		"compared directly, without a predictor?",
	Claim:    "Without the predictor, the stop-gradient is not enough: the embedding collapses.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 1a",
	Reported: "linear accuracy 0.1 without predictor, 67.7 with it",
	Scale: "Because the projector ends with batch norm, it cannot become constant within a batch. So the collapse is " +
		"dimensional at first: the rank falls while the standard deviation still looks healthy.",
	Arms:   []lab.Arm{simsiam, simsiamNoPredictor},
	Shows:  []lab.Metric{lab.EffectiveRank, lab.Participation, lab.Std},
	Expect: []lab.Expectation{expect.Collapses("without predictor")},
	Effect: &lab.Effect{Metric: lab.EffectiveRank, Arm: "SimSiam", Of: "without predictor", LogScale: true},
}

var sim03 = lab.Experiment{
	ID: "SIM-03", Method: "simsiam",
	Question: "Does SimSiam only need a predictor, or must the predictor learn?",
	Claim: "With a predictor that stays at its random start, training does not converge: the loss remains high. This " +
		"is a failure, but no collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 1b",
	Reported: "linear accuracy 1.5 with the predictor fixed, 67.7 with it trained",
	Scale: "Features that hardly changed look good after a short run, so accuracy decides nothing. The loss and the " +
		"spread do.",
	Arms:   []lab.Arm{simsiam, simsiamFixed},
	Shows:  []lab.Metric{lab.Loss, lab.Std, lab.EffectiveRank},
	Expect: []lab.Expectation{expect.StaysSpread("predictor fixed"), expect.Stalls("predictor fixed", -1)},
	Effect: &lab.Effect{Metric: lab.Loss, Arm: "predictor fixed", Of: "SimSiam"},
}

var sim04 = lab.Experiment{
	ID: "SIM-04", Method: "simsiam", NeedsLabels: true,
	Question: "Must the learning rate of SimSiam's predictor stay constant?",
	Claim: "A constant rate is slightly better, because the predictor should keep adapting to the newest embeddings. " +
		"It does not matter for collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 1c",
	Reported: "linear accuracy 68.1 with a constant rate, 67.7 with a rate that decays like the others",
	Scale:    "Half a point cannot be resolved here. A difference below 0.04 counts as slight.",
	Arms: []lab.Arm{
		simsiam,
		{Name: "the predictor's rate decays", Method: "simsiam", Set: []string{"method.predictor_rate=scheduled"}},
		simsiamNoStop,
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("the predictor's rate decays"),
		expect.Near(lab.KNN, "the predictor's rate decays", "SimSiam", 0.04),
		expect.Visible("without stop-gradient"),
	},
}

var sim05 = lab.Experiment{
	ID: "SIM-05", Method: "simsiam",
	Question: "SimSiam's loss has two directions. Without a predictor, their sum is a plain comparison of both " +
		"views. Does one direction alone work without a predictor?",
	Claim:    "No: without a predictor, the loss in one direction fails, too.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 4.2",
	Reported: "fails without predictor, in words; linear accuracy 64.8 in one direction with predictor",
	Scale: "As in both directions without a predictor, dimensions are lost first, which the standard deviation does " +
		"not show.",
	Arms: []lab.Arm{
		simsiamOneWay,
		{Name: "one direction, without predictor", Method: "simsiam",
			Set: []string{"method.symmetric=false", "method.predictor_mode=none"}},
	},
	Shows:  []lab.Metric{lab.EffectiveRank, lab.Participation, lab.Std},
	Expect: []lab.Expectation{expect.Collapses("one direction, without predictor")},
	Effect: &lab.Effect{Metric: lab.EffectiveRank, Arm: "one direction", Of: "one direction, without predictor",
		LogScale: true},
}

var sim06 = lab.Experiment{
	ID: "SIM-06", Method: "simsiam",
	Question: "Does SimSiam need large batches, like methods that compare the images of a batch with one another?",
	Claim:    "SimSiam does not collapse at any batch size from 64 to 4,096, and is nearly as good at all of them.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 2",
	Reported: "linear accuracy 66.1, 67.3, 68.1, 68.1, 68.0, 67.9 and 64.0 at batch 64, 128, 256, 512, 1024, 2048 " +
		"and 4096 (SGD, rate in proportion to the batch)",
	Scale: "All arms see the same number of images. Runs this short cannot resolve two points of accuracy, so " +
		"collapse is tested. At least 1,024 images are needed.",
	Arms: []lab.Arm{
		simsiam,
		{Name: "batch 64", Method: "simsiam", Set: []string{"train.batch=64"}},
		simsiamLarge,
		simsiamNoStop,
	},
	Shows: []lab.Metric{lab.Std, lab.EffectiveRank, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("batch 64"),
		expect.Survives("batch 1024"),
		expect.Visible("without stop-gradient"),
	},
}

var sim07 = lab.Experiment{
	ID: "SIM-07", Method: "simsiam",
	Question: "Does batch norm in SimSiam's heads prevent collapse?",
	Claim:    "No: without batch norm in projector and predictor, SimSiam is hard to train, but does not collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 3a",
	Reported: "linear accuracy 34.6 without batch norm in the heads, 68.1 with it",
	Scale: "Heads without normalisation begin with embeddings that nearly coincide, and a short run of a small " +
		"network may not spread them. Such an embedding did not collapse in training, so nothing follows from it.",
	Arms: []lab.Arm{
		simsiam,
		simsiamNoNorm,
		{Name: "without batch norm and stop-gradient", Method: "simsiam",
			Set: append([]string{"method.stop_gradient=false"}, simsiamNoNorm.Set...)},
	},
	Shows: []lab.Metric{lab.MeanCosine, lab.Std, lab.Loss, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("without batch norm in the heads"),
		expect.Visible("without batch norm and stop-gradient"),
	},
}

var sim08 = lab.Experiment{
	ID: "SIM-08", Method: "simsiam", NeedsLabels: true,
	Question: "Where do SimSiam's heads need batch norm?",
	Claim:    "In the hidden layers, where it doubles the accuracy. At the projector's output it adds little.",
	Source:   "Chen & He 2021, arXiv:2011.10566, tables 3a to 3c",
	Reported: "linear accuracy 34.6 without batch norm, 67.4 with it in hidden layers only, 68.1 with it at the " +
		"projector's output as well",
	Scale: "kNN accuracy replaces linear accuracy, and a difference below 0.05 counts as little. Runs this short " +
		"cannot resolve 0.7 points.",
	Arms:  []lab.Arm{simsiam, simsiamHidden, simsiamNoNorm, simsiamNoStop},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("batch norm in hidden layers only"),
		expect.More(lab.KNN, "batch norm in hidden layers only", "without batch norm in the heads", expect.KNNGain),
		expect.Near(lab.KNN, "batch norm in hidden layers only", "SimSiam", 0.05),
		expect.Visible("without stop-gradient"),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "batch norm in hidden layers only",
		Of: "without batch norm in the heads"},
}

var sim09 = lab.Experiment{
	ID: "SIM-09", Method: "simsiam",
	Question: "What does batch norm after SimSiam's predictor do?",
	Claim: "With batch norm at the predictor's output as well, training is unstable: the loss oscillates. This is no " +
		"collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 3d",
	Reported: "\"unstable\"; linear accuracy 68.1 without it",
	Scale: "The rule compares how much the loss varies from one logged step to the next, in the second half of the " +
		"run.",
	Arms: []lab.Arm{
		simsiam,
		{Name: "batch norm after the predictor", Method: "simsiam", Set: []string{"method.predictor.output_norm=true"}},
		simsiamNoStop,
	},
	Shows: []lab.Metric{lab.LossNoise, lab.Loss, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.More(lab.LossNoise, "batch norm after the predictor", "SimSiam", 0),
		expect.StaysSpread("batch norm after the predictor"),
		expect.Visible("without stop-gradient"),
	},
	Effect: &lab.Effect{Metric: lab.LossNoise, Arm: "batch norm after the predictor", Of: "SimSiam"},
}

var sim10 = lab.Experiment{
	ID: "SIM-10", Method: "simsiam",
	Question: "Does the cosine in SimSiam's loss prevent collapse?",
	Claim: "No: with the cross-entropy of softmaxes instead of the cosine, SimSiam is less good, but does not " +
		"collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 4.5",
	Reported: "linear accuracy 63.2 with cross-entropy, 68.1 with the cosine",
	Arms:     []lab.Arm{simsiam, simsiamEntropy, simsiamNoStop},
	Shows:    []lab.Metric{lab.EffectiveRank, lab.Std, lab.MeanCosine, lab.KNN},
	Expect:   []lab.Expectation{expect.Survives("cross-entropy"), expect.Visible("without stop-gradient")},
}

var sim11 = lab.Experiment{
	ID: "SIM-11", Method: "simsiam",
	Question: "SimSiam predicts each view from the other. Does it collapse if only the second is predicted from the " +
		"first?",
	Claim: "No: one direction does not collapse. It costs accuracy, most of which returns with two pairs for each " +
		"image.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 4.6",
	Reported: "linear accuracy 68.1 in both directions, 64.8 in one, 67.3 in one with two pairs for each image",
	Scale:    "Runs this short cannot resolve three points of accuracy, so collapse is tested.",
	Arms:     []lab.Arm{simsiam, simsiamOneWay, simsiamNoStop},
	Shows:    []lab.Metric{lab.EffectiveRank, lab.Std, lab.KNN},
	Expect:   []lab.Expectation{expect.Survives("one direction"), expect.Visible("without stop-gradient")},
}

var sim12 = lab.Experiment{
	ID: "SIM-12", Method: "simsiam",
	Question: "Must SimSiam's targets come from the current network?",
	Claim: "No: with targets from the network of up to 10 or 100 steps ago, SimSiam does not collapse and is as " +
		"good. Such targets make it an alternating optimisation.",
	Source: "Chen & He 2021, arXiv:2011.10566, section 5.2",
	Reported: "linear accuracy 68.1, 68.7 and 68.9 when targets are renewed every 1, 10 and 100 steps, 67.0 once an " +
		"epoch (ImageNet, ResNet-50, 100 epochs)",
	Scale: "A run has 200 steps. So in the last arm, targets come from the untrained network for half of the run and " +
		"from one other network after that. An epoch is as long as a run, so the fourth number is not tested.",
	Arms: []lab.Arm{
		simsiam,
		{Name: "targets renewed every 10 steps", Method: "simsiam", Set: []string{"method.target_every=10"}},
		{Name: "targets renewed every 100 steps", Method: "simsiam", Set: []string{"method.target_every=100"}},
		simsiamNoStop,
	},
	Shows: []lab.Metric{lab.EffectiveRank, lab.MeanCosine, lab.Std, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("targets renewed every 10 steps"),
		expect.Survives("targets renewed every 100 steps"),
		expect.Visible("without stop-gradient"),
	},
}

var sim13 = lab.Experiment{
	ID: "SIM-13", Method: "simsiam", Switch: "predictor",
	Question: "Can a moving average of each image's embeddings replace SimSiam's predictor?",
	Claim: "Without predictor, but with targets that are a moving average over the epochs, SimSiam does " +
		"not collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 5.2",
	Reported: "linear accuracy 55.0 with a momentum of 0.8, compared with 0.1 without the average",
	Untestable: "an average of each image's embeddings takes many passes over the images, and 200 steps of 256 see " +
		"each image of CIFAR-10 once",
}

var sim14 = lab.Experiment{
	ID: "SIM-14", Method: "simsiam", NeedsLabels: true, Switch: "optimiser",
	Question: "Has a network collapsed if its features are no better than an untrained network's?",
	Claim:    "Not necessarily: a network that has diverged or learnt nothing also has poor features.",
	Source:   "Chen & He 2021, arXiv:2011.10566, footnote 4 and table 1b",
	Reported: "a rule: \"a chance-level accuracy is not sufficient to indicate collapsing\"; linear accuracy 1.5 " +
		"with a fixed predictor, whose training does not converge",
	Scale: "This tests the laboratory's own diagnosis. SimSiam's loss is bounded, so VICReg is made to diverge, with " +
		"a rate that grows to ten thousand times its start. A loss that is not finite would end the run. At a " +
		"hundred-thousandth of the rate, hardly anything is learnt.",
	Arms: []lab.Arm{
		simsiam,
		simsiamFixed,
		{Name: "tiny learning rate", Method: "simsiam", Set: []string{"optim.base_rate=6e-7"}},
		simsiamNoStop,
		vicreg,
		{Name: "VICReg, ever-growing rate", Method: "vicreg", Set: []string{"optim.final_rate=10"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine, lab.Loss},
	Expect: []lab.Expectation{
		expect.StaysSpread("predictor fixed"),
		expect.StaysSpread("tiny learning rate"),
		expect.Fails("tiny learning rate"),
		expect.Collapses("VICReg, ever-growing rate", collapse.Diverged),
		expect.Visible("without stop-gradient"),
	},
}

var sim15 = lab.Experiment{
	ID: "SIM-15", Method: "simsiam", Switch: "stop-gradient",
	Question: "Which part of SimSiam prevents collapse?",
	Claim: "The stop-gradient. The batch size and its optimiser, batch norm, the similarity and the symmetric loss " +
		"affect accuracy, but not collapse.",
	Source: "Chen & He 2021, arXiv:2011.10566, section 4.7, which sums up sections 4.1 to 4.6",
	Reported: "linear accuracy 68.1; 68.0 in batches of 1,024 with SGD, 67.4 without batch norm at the projector's " +
		"output, 63.2 with cross-entropy, 64.8 in one direction; 0.1 without stop-gradient",
	Scale: "Only the batch norm at the output is removed. Without batch norm in the hidden layers as well, short " +
		"runs make no progress.",
	Arms:  []lab.Arm{simsiam, simsiamNoStop, simsiamLarge, simsiamHidden, simsiamEntropy, simsiamOneWay},
	Shows: []lab.Metric{lab.EffectiveRank, lab.MeanCosine, lab.Std},
	Expect: []lab.Expectation{
		expect.Collapses("without stop-gradient"),
		expect.Survives("batch 1024"),
		expect.Survives("batch norm in hidden layers only"),
		expect.Survives("cross-entropy"),
		expect.Survives("one direction"),
	},
}

var zhg01 = lab.Experiment{
	ID: "ZHG-01", Method: "simsiam",
	Question: "What prevents SimSiam's collapse: the predictor, or the difference between the two sides?",
	Claim: "The difference: if the gradient flows through both sides, embeddings collapse with a predictor and " +
		"without.",
	Source:   "Zhang et al. 2022, arXiv:2203.16262, section 2, as summarised",
	Reported: "both symmetric networks collapse; no number was available",
	Scale: "The paper also finds that the predictor does not stand for an expectation over augmentations, which is " +
		"not about collapse.",
	Arms: []lab.Arm{
		simsiam,
		simsiamNoStop,
		{Name: "without stop-gradient and predictor", Method: "simsiam",
			Set: []string{"method.stop_gradient=false", "method.predictor_mode=none"}},
	},
	Shows: []lab.Metric{lab.MeanCosine, lab.EffectiveRank, lab.Loss},
	Expect: []lab.Expectation{
		expect.Collapses("without stop-gradient"),
		expect.Collapses("without stop-gradient and predictor"),
	},
	Effect: &lab.Effect{Metric: lab.Loss, Arm: "SimSiam", Of: "without stop-gradient and predictor"},
}

var zhg02 = lab.Experiment{
	ID: "ZHG-02", Method: "simsiam",
	Question: "How small can a predictor be?",
	Claim: "One vector that is added to the embedding suffices: it removes the common centre from what is drawn " +
		"together.",
	Source:   "Zhang et al. 2022, arXiv:2203.16262, section 4, as summarised",
	Reported: "a single bias layer suffices to prevent collapse; no number was available",
	Scale: "The vector is added to the embedding of length 1, which the paper's analysis is about. Only a collapse " +
		"to one point opposes the claim: a centre that is held back says nothing about directions.",
	Arms: []lab.Arm{
		simsiam,
		{Name: "a vector as predictor", Method: "simsiam", Set: []string{"variant.predictor_form=bias"}},
		simsiamNoPredictor,
	},
	Shows: []lab.Metric{lab.MeanCosine, lab.EffectiveRank, lab.Loss},
	Expect: []lab.Expectation{
		expect.StaysSpread("a vector as predictor", collapse.Complete, collapse.Collapsing),
		expect.Visible("without predictor"),
	},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "without predictor", Of: "a vector as predictor"},
}

var cap01 = lab.Experiment{
	ID: "CAP-01", Method: "simsiam", Switch: "network",
	Question: "Does SimSiam lose dimensions if the network is small?",
	Claim: "The smaller the network is for the data, the smaller the part of their dimensions that SimSiam's " +
		"features fill.",
	Source: "Li, Efros & Pathak 2022, ECCV, \"Understanding collapse in non-contrastive Siamese representation " +
		"learning\", abstract",
	Reported: "partial dimensional collapse when the model is too small relative to the data; no number in the " +
		"abstract",
	Scale: "Three widths of one small network, with 16, 64 and 128 features. So the rule compares the share of the " +
		"features that is filled. The size of the data is not varied.",
	Arms:  []lab.Arm{simsiam, simsiamNarrow, simsiamWide},
	Shows: []lab.Metric{lab.RankShare, lab.FeatureRank, lab.EffectiveRank, lab.KNN},
	Expect: []lab.Expectation{
		expect.More(lab.RankShare, "SimSiam", "a quarter as wide", 0),
		expect.More(lab.RankShare, "twice as wide", "SimSiam", 0),
	},
	Effect: &lab.Effect{Metric: lab.RankShare, Arm: "twice as wide", Of: "a quarter as wide"},
}

var cap02 = lab.Experiment{
	ID: "CAP-02", Method: "simsiam", NeedsLabels: true, Switch: "other",
	Question: "Does the degree of SimSiam's collapse show without labels how good its features are?",
	Claim: "The share of the features' variance in few directions predicts accuracy: the larger the share, the lower " +
		"the accuracy.",
	Source:   "Li, Efros & Pathak 2022, arXiv:2209.15007, abstract",
	Reported: "a metric of the degree of collapse that predicts accuracy without labels; no number in the abstract",
	Scale: "Here the metric is the area under the share of variance in the first directions. The paper varies " +
		"networks and data sets. Here, seven runs of SimSiam differ in width, loss and what prevents collapse.",
	Arms:   simsiamSweep,
	Shows:  []lab.Metric{lab.ExplainedArea, lab.KNN, lab.RankShare},
	Expect: []lab.Expectation{expect.Foretells(lab.ExplainedArea, -1, names(simsiamSweep)...)},
}

var simsiamSweep = []lab.Arm{simsiam, simsiamNarrow, simsiamWide, simsiamEntropy, simsiamHidden, simsiamNoPredictor,
	simsiamNoStop}

var cap03 = lab.Experiment{
	ID: "CAP-03", Method: "simsiam",
	Question: "Does another order of the data keep a small network from collapsing?",
	Claim: "Training successively on parts of the data before training on all of them improves SimSiam by up to 18 " +
		"points.",
	Source: "Li, Efros & Pathak 2022, ECCV, \"Understanding collapse in non-contrastive Siamese representation " +
		"learning\", abstract",
	Reported: "up to 18 points (ImageNet, ResNet-18)",
	Untestable: "images come in whole epochs in a random order, and a run here sees one epoch, so there is no other " +
		"order",
}
