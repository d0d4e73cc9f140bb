// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
)

// Claims about SimSiam, with those of papers that take it apart.

// Arms of SimSiam that several experiments share: each runs once.
var (
	simsiam       = lab.Arm{Name: "SimSiam", Method: "simsiam"}
	simsiamNoStop = lab.Arm{Name: "without stop-gradient", Method: "simsiam",
		Set: []string{"method.stop_gradient=false"}}
	simsiamNoPredictor = lab.Arm{Name: "without predictor", Method: "simsiam", Set: []string{"method.predictor_mode=none"}}
	simsiamFixed       = lab.Arm{Name: "predictor fixed", Method: "simsiam", Set: []string{"method.predictor_mode=fixed"}}
	simsiamOneWay      = lab.Arm{Name: "one direction", Method: "simsiam", Set: []string{"method.symmetric=false"}}
	simsiamEntropy     = lab.Arm{Name: "cross-entropy", Method: "simsiam",
		Set: []string{"method.similarity=cross_entropy"}}
	simsiamHidden = lab.Arm{Name: "batch norm in hidden layers only", Method: "simsiam",
		Set: []string{"method.projector.output_norm=false"}}
	simsiamLarge  = lab.Arm{Name: "batch 1024", Method: "simsiam", Set: []string{"train.batch=1024"}}
	simsiamNarrow = lab.Arm{Name: "a quarter as wide", Method: "simsiam", Set: []string{"backbone.width=4"}}
	simsiamWide   = lab.Arm{Name: "twice as wide", Method: "simsiam", Set: []string{"backbone.width=32"}}
	// The paper warms up for a tenth of the run where it takes batch norm away.
	simsiamNoNorm = lab.Arm{Name: "without batch norm in the heads", Method: "simsiam", Set: []string{
		"method.projector.norm=none", "method.predictor.norm=none", "optim.warmup_steps=20"}}
)

var sim01 = lab.Experiment{
	ID: "SIM-01", Method: "simsiam",
	Question: "What happens to SimSiam without its stop-gradient?",
	Claim: "Without the stop-gradient the outputs become constant: the loss reaches its minimum of -1 and the standard " +
		"deviation goes to 0.",
	Source:   "Chen & He 2021, arXiv:2011.10566, figure 2",
	Reported: "linear accuracy 67.7 with it and 0.1 without; std near 1/√d, and 0",
	Scale: "The collapse takes some hundred steps, and passes through embeddings of few dimensions: by 200 steps it may " +
		"be under way.",
	Arms:   []lab.Arm{simsiam, simsiamNoStop},
	Shows:  []lab.Metric{lab.MeanCosine, lab.EffectiveRank, lab.Loss, lab.GradientRatio},
	Expect: []lab.Expectation{expect.Collapses("without stop-gradient")},
	Effect: &lab.Effect{Metric: lab.Loss, Arm: "SimSiam", Of: "without stop-gradient"},
}

var sim02 = lab.Experiment{
	ID: "SIM-02", Method: "simsiam",
	Question: "SimSiam compares one view's prediction of the other with the other. What happens when the two are " +
		"compared directly, without predicting?",
	Claim:    "Without the predictor the stop-gradient is not enough: the embedding collapses.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 1a",
	Reported: "linear accuracy 0.1 without predictor, 67.7 with it",
	Scale: "With batch norm at its end the projector cannot become constant within a batch, so the collapse is one of " +
		"dimensions at first: the rank falls, " +
		"and the standard deviation still looks healthy.",
	Arms:   []lab.Arm{simsiam, simsiamNoPredictor},
	Shows:  []lab.Metric{lab.EffectiveRank, lab.Participation, lab.Std},
	Expect: []lab.Expectation{expect.Collapses("without predictor")},
	Effect: &lab.Effect{Metric: lab.EffectiveRank, Arm: "SimSiam", Of: "without predictor", LogScale: true},
}

var sim03 = lab.Experiment{
	ID: "SIM-03", Method: "simsiam",
	Question: "Is it enough that SimSiam has a predictor, or must the predictor learn?",
	Claim: "With a predictor that stays at its random start, training does not converge: the loss remains high. That is " +
		"a failure, but no collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 1b",
	Reported: "linear accuracy 1.5 with the predictor fixed, 67.7 with it trained",
	Scale: "Features that hardly changed look good after a short run, so the accuracy decides nothing: the loss and the " +
		"spread do.",
	Arms:   []lab.Arm{simsiam, simsiamFixed},
	Shows:  []lab.Metric{lab.Loss, lab.Std, lab.EffectiveRank},
	Expect: []lab.Expectation{expect.Survives("predictor fixed"), expect.Stalls("predictor fixed", -1)},
	Effect: &lab.Effect{Metric: lab.Loss, Arm: "predictor fixed", Of: "SimSiam"},
}

var sim04 = lab.Experiment{
	ID: "SIM-04", Method: "simsiam", NeedsLabels: true,
	Question: "Must the learning rate of SimSiam's predictor stay as high as it began?",
	Claim: "It is a little better so, and no matter of collapse: the predictor should go on adapting to the newest " +
		"embeddings.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 1c",
	Reported: "linear accuracy 68.1 at a constant rate, 67.7 at one that decays as the others",
	Scale:    "Half a point cannot be told here: a difference below 0.04 stands for a little.",
	Arms: []lab.Arm{simsiam, {Name: "the predictor's rate decays", Method: "simsiam",
		Set: []string{"method.predictor_rate=scheduled"}}, simsiamNoStop},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("the predictor's rate decays"), expect.Near(lab.KNN, "the predictor's rate decays", "SimSiam", 0.04),
		expect.Visible("without stop-gradient"),
	},
}

var sim05 = lab.Experiment{
	ID: "SIM-05", Method: "simsiam",
	Question: "SimSiam's loss has two directions, and without predictor they add up to a plain comparison of both " +
		"views. Does one direction alone do without the predictor?",
	Claim:    "No: the loss in one direction fails without predictor, too.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 4.2",
	Reported: "fails without predictor, in words; linear accuracy 64.8 in one direction with predictor",
	Scale: "As without predictor in both directions, dimensions are lost first; the standard deviation does not show " +
		"it.",
	Arms: []lab.Arm{simsiamOneWay,
		{Name: "one direction, without predictor", Method: "simsiam",
			Set: []string{"method.symmetric=false", "method.predictor_mode=none"}}},
	Shows:  []lab.Metric{lab.EffectiveRank, lab.Participation, lab.Std},
	Expect: []lab.Expectation{expect.Collapses("one direction, without predictor")},
	Effect: &lab.Effect{Metric: lab.EffectiveRank, Arm: "one direction", Of: "one direction, without predictor",
		LogScale: true},
}

var sim06 = lab.Experiment{
	ID: "SIM-06", Method: "simsiam",
	Question: "Does SimSiam need large batches, as methods do that compare the images of a batch with one another?",
	Claim:    "SimSiam does not collapse at any batch size from 64 to 4096, and is nearly as good at all of them.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 2",
	Reported: "linear accuracy 66.1, 67.3, 68.1, 68.1, 68.0, 67.9 and 64.0 at batch 64, 128, 256, 512, 1024, 2048 and " +
		"4096 (SGD, rate in proportion to the batch)",
	Scale: "All arms see as many images. Differences of two points of accuracy cannot be told in runs this short: what " +
		"is tested is collapse. At least 1,024 images are needed.",
	Arms: []lab.Arm{simsiam, {Name: "batch 64", Method: "simsiam", Set: []string{"train.batch=64"}}, simsiamLarge,
		simsiamNoStop},
	Shows: []lab.Metric{lab.Std, lab.EffectiveRank, lab.KNN},
	Expect: []lab.Expectation{expect.Survives("batch 64"), expect.Survives("batch 1024"),
		expect.Visible("without stop-gradient")},
}

var sim07 = lab.Experiment{
	ID: "SIM-07", Method: "simsiam",
	Question: "Is it batch norm in SimSiam's heads that prevents collapse?",
	Claim:    "Without batch norm in projector and predictor SimSiam is hard to train, but does not collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 3a",
	Reported: "linear accuracy 34.6 without batch norm in the heads, 68.1 with it",
	Scale: "Heads without normalisation begin with embeddings that nearly coincide, and a short run of a small network " +
		"may not get out of that. " +
		"Such an embedding has not collapsed by training, so nothing follows from it.",
	Arms: []lab.Arm{simsiam, simsiamNoNorm,
		{Name: "nor stop-gradient", Method: "simsiam", Set: append([]string{"method.stop_gradient=false"},
			simsiamNoNorm.Set...)}},
	Shows:  []lab.Metric{lab.MeanCosine, lab.Std, lab.Loss, lab.KNN},
	Expect: []lab.Expectation{expect.Survives("without batch norm in the heads"), expect.Visible("nor stop-gradient")},
}

var sim08 = lab.Experiment{
	ID: "SIM-08", Method: "simsiam", NeedsLabels: true,
	Question: "Where in SimSiam's heads is batch norm needed?",
	Claim:    "In the hidden layers: there it doubles the accuracy. At the projector's output it adds little.",
	Source:   "Chen & He 2021, arXiv:2011.10566, tables 3a to 3c",
	Reported: "linear accuracy 34.6 without, 67.4 in hidden layers only, 68.1 at the projector's output as well",
	Scale: "The accuracy of neighbours stands for the linear one, and a difference below 0.05 for little: 0.7 points " +
		"cannot be told in runs this short.",
	Arms:  []lab.Arm{simsiam, simsiamHidden, simsiamNoNorm, simsiamNoStop},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("batch norm in hidden layers only"),
		expect.More(lab.KNN, "batch norm in hidden layers only", "without batch norm in the heads", expect.KNNGain),
		expect.Near(lab.KNN, "batch norm in hidden layers only", "SimSiam", 0.05),
		expect.Visible("without stop-gradient"),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "batch norm in hidden layers only", Of: "without batch norm in the heads"},
}

var sim09 = lab.Experiment{
	ID: "SIM-09", Method: "simsiam",
	Question: "What does batch norm behind SimSiam's predictor do?",
	Claim: "With batch norm at the predictor's output, too, training is unstable: the loss oscillates. That is no " +
		"collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 3d",
	Reported: "\"unstable\"; linear accuracy 68.1 without it",
	Scale: "What is compared is how much the loss varies from one logged step to the next, in the second half of the " +
		"run.",
	Arms: []lab.Arm{simsiam,
		{Name: "batch norm behind the predictor", Method: "simsiam", Set: []string{"method.predictor.output_norm=true"}},
		simsiamNoStop},
	Shows: []lab.Metric{lab.LossNoise, lab.Loss, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.More(lab.LossNoise, "batch norm behind the predictor", "SimSiam", 0),
		expect.Survives("batch norm behind the predictor"), expect.Visible("without stop-gradient"),
	},
	Effect: &lab.Effect{Metric: lab.LossNoise, Arm: "batch norm behind the predictor", Of: "SimSiam"},
}

var sim10 = lab.Experiment{
	ID: "SIM-10", Method: "simsiam",
	Question: "Is it the cosine in SimSiam's loss that prevents collapse?",
	Claim: "No: with the cross-entropy of softmaxes in place of the cosine SimSiam is less good, and does not " +
		"collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 4.5",
	Reported: "linear accuracy 63.2 with cross-entropy, 68.1 with the cosine",
	Arms:     []lab.Arm{simsiam, simsiamEntropy, simsiamNoStop},
	Shows:    []lab.Metric{lab.EffectiveRank, lab.Std, lab.MeanCosine, lab.KNN},
	Expect:   []lab.Expectation{expect.Survives("cross-entropy"), expect.Visible("without stop-gradient")},
}

var sim11 = lab.Experiment{
	ID: "SIM-11", Method: "simsiam",
	Question: "SimSiam predicts each view from the other. Does it collapse when only the second is predicted from the " +
		"first?",
	Claim: "No: one direction costs accuracy, most of which comes back with two pairs for each image, and it does not " +
		"collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 4.6",
	Reported: "linear accuracy 68.1 in both directions, 64.8 in one, 67.3 in one with two pairs for each image",
	Scale:    "What is tested is collapse: three points of accuracy cannot be told in runs this short.",
	Arms:     []lab.Arm{simsiam, simsiamOneWay, simsiamNoStop},
	Shows:    []lab.Metric{lab.EffectiveRank, lab.Std, lab.KNN},
	Expect:   []lab.Expectation{expect.Survives("one direction"), expect.Visible("without stop-gradient")},
}

var sim12 = lab.Experiment{
	ID: "SIM-12", Method: "simsiam",
	Question: "Must SimSiam's targets be of the network as it is now?",
	Claim: "No: with targets of the network of up to 10 or 100 steps ago, which makes SimSiam an optimisation in two " +
		"alternating parts, it does not collapse and is as good.",
	Source: "Chen & He 2021, arXiv:2011.10566, section 5.2",
	Reported: "linear accuracy 68.1, 68.7 and 68.9 when targets are renewed every 1, 10 and 100 steps, 67.0 once an " +
		"epoch (ImageNet, ResNet-50, 100 epochs)",
	Scale: "A run has 200 steps, so in the last arm targets are of the untrained network for half of it and of one " +
		"other after that. An epoch is as long as a run, so the fourth number is not asked for.",
	Arms: []lab.Arm{
		simsiam,
		{Name: "targets renewed every 10 steps", Method: "simsiam", Set: []string{"method.target_every=10"}},
		{Name: "targets renewed every 100 steps", Method: "simsiam", Set: []string{"method.target_every=100"}},
		simsiamNoStop,
	},
	Shows: []lab.Metric{lab.EffectiveRank, lab.MeanCosine, lab.Std, lab.KNN},
	Expect: []lab.Expectation{expect.Survives("targets renewed every 10 steps"),
		expect.Survives("targets renewed every 100 steps"), expect.Visible("without stop-gradient")},
}

var sim13 = lab.Experiment{
	ID: "SIM-13", Method: "simsiam", Switch: "predictor",
	Question: "Can a moving average of each image's embeddings stand in for SimSiam's predictor?",
	Claim:    "Without predictor, but with targets that are a moving average over the epochs, SimSiam does not collapse.",
	Source:   "Chen & He 2021, arXiv:2011.10566, section 5.2",
	Reported: "linear accuracy 55.0 with a momentum of 0.8, against 0.1 without the average",
	Untestable: "an average of each image's embeddings takes many passes over the images, and in 200 steps of 256 each " +
		"of CIFAR-10's is seen once",
}

var sim14 = lab.Experiment{
	ID: "SIM-14", Method: "simsiam", NeedsLabels: true, Switch: "optimiser",
	Question: "Has a network collapsed whose features are no better than an untrained one's?",
	Claim:    "Not necessarily: a network that has diverged, or learnt nothing, has poor features as well.",
	Source:   "Chen & He 2021, arXiv:2011.10566, footnote 4 and table 1b",
	Reported: "a rule: \"a chance-level accuracy is not sufficient to indicate collapsing\"; linear accuracy 1.5 with a " +
		"fixed predictor, whose training does not converge",
	Scale: "It is the laboratory's own diagnosis that is put to the test. SimSiam's loss has bounds, so it is VICReg's " +
		"that diverges, with a rate that grows to ten thousand times what " +
		"it began with; a loss that is not finite would end the run. At a hundred-thousandth of the rate next to nothing " +
		"is learnt.",
	Arms: []lab.Arm{
		simsiam, simsiamFixed,
		{Name: "hardly any rate", Method: "simsiam", Set: []string{"optim.base_rate=6e-7"}},
		simsiamNoStop, vicreg,
		{Name: "VICReg, a rate that grows without end", Method: "vicreg", Set: []string{"optim.final_rate=10"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine, lab.Loss},
	Expect: []lab.Expectation{
		expect.Survives("predictor fixed"), expect.Survives("hardly any rate"), expect.Fails("hardly any rate"),
		expect.Collapses("VICReg, a rate that grows without end", collapse.Diverged), expect.Visible("without stop-gradient"),
	},
}

var sim15 = lab.Experiment{
	ID: "SIM-15", Method: "simsiam", Switch: "stop-gradient",
	Question: "Which of SimSiam's parts prevents collapse?",
	Claim: "The stop-gradient. The batch size and its optimiser, batch norm, the similarity and the symmetric loss have " +
		"to do with accuracy, and not with collapse.",
	Source: "Chen & He 2021, arXiv:2011.10566, section 4.7, which sums up sections 4.1 to 4.6",
	Reported: "linear accuracy 68.1; 68.0 in batches of 1024 with SGD, 67.4 without batch norm at the projector's " +
		"output, 63.2 with cross-entropy, 64.8 in one direction; 0.1 without stop-gradient",
	Scale: "Of batch norm only that at the output is taken away: without that of the hidden layers too, short runs do " +
		"not get going.",
	Arms:  []lab.Arm{simsiam, simsiamNoStop, simsiamLarge, simsiamHidden, simsiamEntropy, simsiamOneWay},
	Shows: []lab.Metric{lab.EffectiveRank, lab.MeanCosine, lab.Std},
	Expect: []lab.Expectation{
		expect.Collapses("without stop-gradient"),
		expect.Survives("batch 1024"), expect.Survives("batch norm in hidden layers only"), expect.Survives("cross-entropy"),
		expect.Survives("one direction"),
	},
}

var zhg01 = lab.Experiment{
	ID: "ZHG-01", Method: "simsiam",
	Question: "Is it SimSiam's predictor that prevents collapse, or that its two sides differ?",
	Claim: "That they differ: where the gradient flows through both sides, embeddings collapse with a predictor and " +
		"without.",
	Source:   "Zhang et al. 2022, arXiv:2203.16262, section 2, as summarised",
	Reported: "both symmetric networks collapse; no number was to be had",
	Scale: "That the predictor does not stand for an expectation over augmentations, the paper's other finding there, " +
		"is no question of collapse.",
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
	Question: "How little of a predictor is enough?",
	Claim:    "One vector that is added to the embedding: it takes their common centre out of what is drawn together.",
	Source:   "Zhang et al. 2022, arXiv:2203.16262, section 4, as summarised",
	Reported: "a single bias layer suffices to prevent collapse; no number was to be had",
	Scale: "The vector is added to the embedding at length 1, of which the paper's analysis is. Only a collapse to one " +
		"point opposes: a centre that is held back says nothing of directions.",
	Arms: []lab.Arm{
		simsiam,
		{Name: "a vector as predictor", Method: "simsiam", Set: []string{"method.predictor_form=bias"}},
		simsiamNoPredictor,
	},
	Shows: []lab.Metric{lab.MeanCosine, lab.EffectiveRank, lab.Loss},
	Expect: []lab.Expectation{
		expect.Survives("a vector as predictor", collapse.Complete, collapse.Collapsing),
		expect.Visible("without predictor"),
	},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "without predictor", Of: "a vector as predictor"},
}

var cap01 = lab.Experiment{
	ID: "CAP-01", Method: "simsiam", Switch: "network",
	Question: "Does SimSiam lose dimensions when the network is small?",
	Claim:    "SimSiam's features fill a smaller part of their dimensions the smaller the network is for the data.",
	Source: "Li, Efros & Pathak 2022, ECCV, \"Understanding collapse in non-contrastive Siamese representation " +
		"learning\", abstract",
	Reported: "partial dimensional collapse when the model is too small relative to the data; no number in the abstract",
	Scale: "Three widths of one small network, whose features are 16, 64 and 128 in number, so the share of them that " +
		"is filled is compared. The data's size is not varied.",
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
	Question: "Does the degree of SimSiam's collapse tell how good its features are, without labels?",
	Claim: "How much of the features' variance lies in few directions forecasts their accuracy: the more, the lower it " +
		"is.",
	Source:   "Li, Efros & Pathak 2022, arXiv:2209.15007, abstract",
	Reported: "a metric of the degree of collapse that forecasts accuracy without labels; no number in the abstract",
	Scale: "The metric here is the area under the share of variance in the first directions. The paper varies networks " +
		"and data sets; here seven runs of SimSiam differ in width, " +
		"loss and what prevents collapse.",
	Arms:   simsiamSweep,
	Shows:  []lab.Metric{lab.ExplainedArea, lab.KNN, lab.RankShare},
	Expect: []lab.Expectation{expect.Foretells(lab.ExplainedArea, -1, names(simsiamSweep)...)},
}

var simsiamSweep = []lab.Arm{simsiam, simsiamNarrow, simsiamWide, simsiamEntropy, simsiamHidden, simsiamNoPredictor,
	simsiamNoStop}

var cap03 = lab.Experiment{
	ID: "CAP-03", Method: "simsiam",
	Question: "Does another order of the data help a small network against collapse?",
	Claim: "Training continually on parts of the data before training on all of them makes SimSiam better by up to 18 " +
		"points.",
	Source: "Li, Efros & Pathak 2022, ECCV, \"Understanding collapse in non-contrastive Siamese representation " +
		"learning\", abstract",
	Reported:   "up to 18 points (ImageNet, ResNet-18)",
	Untestable: "images come in whole epochs in a random order, of which a run here sees one: there is no other order",
}
