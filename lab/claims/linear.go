// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"gonum.org/v1/gonum/stat"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
	"github.com/parallax-ssl/parallax/lab/theory"
)

// Claims about linear networks, which are computed, and about the dimensional collapse that they explain.

var jng01 = lab.Experiment{
	ID: "JNG-01", Method: "simclr", Switch: "negatives",
	Question: "Do negatives keep SimCLR's embeddings from losing dimensions?",
	Claim: "Not all of them: although negatives push images apart, some directions of the embedding lose all their " +
		"variance.",
	Source:   "Jing et al. 2022, arXiv:2110.09348, figure 2",
	Reported: "a figure: some of the covariance's 128 singular values drop to zero (ImageNet, ResNet-18, 100 epochs)",
	Scale: "Directions with less than a millionth of the largest one's variance count as lost. In a run of minutes, " +
		"they may only have begun to shrink.",
	Arms:   []lab.Arm{simclr},
	Shows:  []lab.Metric{lab.Vanished, lab.EffectiveRank, lab.Participation},
	Expect: []lab.Expectation{expect.Above(lab.Vanished, "SimCLR", 0.5)},
}

var jng02 = lab.Experiment{
	ID: "JNG-02", Method: "directclr", NeedsLabels: true, Switch: "head",
	Question: "Can a loss on a part of the features replace a projector?",
	Claim: "Without a projector, SimCLR's features lose dimensions. A loss on a fixed part of them prevents that, " +
		"and is as good as a trained linear projector.",
	Source: "Jing et al. 2022, arXiv:2110.09348, table 2",
	Reported: "no projector 51.5, a trained linear one 61.1, a part of the features (DirectCLR) 62.7 (ImageNet, " +
		"ResNet-18, 100 epochs, linear)",
	Scale: "32 of 64 features instead of 360 of 2,048. A difference below 0.04 counts as equal.",
	Arms: []lab.Arm{
		{Name: "DirectCLR", Method: "directclr"},
		simclrNoProjector,
		simclrLinear,
	},
	Shows: []lab.Metric{lab.KNN, lab.FeatureRank, lab.RankShare},
	Expect: []lab.Expectation{
		expect.More(lab.FeatureRank, "DirectCLR", "without projector", 0),
		expect.More(lab.KNN, "DirectCLR", "without projector", 0),
		expect.Near(lab.KNN, "DirectCLR", "linear projector", 0.04),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "DirectCLR", Of: "without projector"},
}

var jng03 = lab.Experiment{
	ID: "JNG-03", Method: "simclr", Switch: "augmentation",
	Question: "Can strong augmentation make a contrastive loss lose dimensions?",
	Claim: "Under InfoNCE, a linear network loses exactly those dimensions in which augmentation varies more than " +
		"the data.",
	Source: "Jing et al. 2022, arXiv:2110.09348, theorem 1 and figure 3",
	Reported: "spectra of 16 x 16 weights: half of the singular values vanish if strong noise is added to half of " +
		"the dimensions",
	Scale: "Computed from the exact gradient of the loss, without images: 16 dimensions, with noise in eight of them " +
		"that has a tenth or ten times the variance of the data.",
	Shows: []lab.Metric{vanishedStrong, vanishedWeak},
	Expect: []lab.Expectation{
		expect.Holds(vanishedWeak, 0, 0),
		expect.Holds(vanishedStrong, theory.LinearDims/2, theory.LinearDims/2),
	},
	Closed: remembered(func(seed uint64) (lab.Sample, error) {
		return lab.Sample{Values: map[lab.Metric]float64{
			vanishedWeak:   theory.Vanished(theory.TrainLinear(1, 0.1, 1, seed), 1e-3),
			vanishedStrong: theory.Vanished(theory.TrainLinear(1, 10, 1, seed), 1e-3),
		}}, nil
	}),
}

// The numbers of JNG-03: how many of the weights' 16 singular values are below a thousandth of the largest.
const (
	vanishedWeak   lab.Metric = "weak augmentation.vanished"
	vanishedStrong lab.Metric = "strong augmentation.vanished"
)

var jng04 = lab.Experiment{
	ID: "JNG-04", Method: "simclr", Switch: "network",
	Question: "Does a second layer cost dimensions even under weak augmentation?",
	Claim: "With two linear layers, singular values grow more slowly the smaller they are. So the product ends with " +
		"few large ones, while one layer keeps all.",
	Source:   "Jing et al. 2022, arXiv:2110.09348, theorem 3 and figure 6",
	Reported: "curves of 16 x 16 weights: the smallest few singular values remain much smaller",
	Scale: "Computed from the exact gradient of the loss, without images: 16 dimensions, weak noise in eight of " +
		"them, small initial weights.",
	Shows: []lab.Metric{vanishedOfTwo, vanishedOfOne},
	Expect: []lab.Expectation{
		expect.Holds(vanishedOfOne, 0, 1),
		expect.Holds(vanishedOfTwo, 3, theory.LinearDims),
	},
	Closed: remembered(func(seed uint64) (lab.Sample, error) {
		const noise, scale, share = 0.1, 0.3, 0.01
		return lab.Sample{Values: map[lab.Metric]float64{
			vanishedOfOne: theory.Vanished(theory.TrainLinear(1, noise, scale, seed), share),
			vanishedOfTwo: theory.Vanished(theory.TrainLinear(2, noise, scale, seed), share),
		}}, nil
	}),
}

// The numbers of JNG-04: how many of the whole map's 16 singular values are below a hundredth of the largest.
const (
	vanishedOfOne lab.Metric = "one layer.vanished"
	vanishedOfTwo lab.Metric = "two layers.vanished"
)

var jng05 = lab.Experiment{
	ID: "JNG-05", Method: "directclr", Switch: "head",
	Question: "Do the features that DirectCLR's loss does not see keep their rank?",
	Claim: "Yes: what the loss does to a part of the features reaches the rest through the residual connection of " +
		"the last block.",
	Source:     "Jing et al. 2022, arXiv:2110.09348, section 6.3",
	Reported:   "a figure; linear accuracy 62.7",
	Untestable: "evaluations measure all features together, and not separately those that the loss does not see",
}

var stp01 = lab.Experiment{
	ID: "STP-01", Method: "barlowtwins", Switch: "network",
	Question: "Are the dimensions of an embedding learnt together or one after another?",
	Claim: "From small weights, a linear network under Barlow Twins' loss learns one dimension at a time, in the " +
		"order of the eigenvalues γ of the views' cross-correlation. Each takes a time proportional to 1/γ.",
	Source: "Simon et al. 2023, arXiv:2303.15438, abstract and figure 1",
	Reported: "curves: the embedding's eigenvalues rise to 1 in well-separated steps, at the times that the theory " +
		"gives; that large weights blur the steps is from memory",
	Scale: "Computed from the exact gradient of the loss, without images: 12 inputs, of which an embedding of 6 " +
		"dimensions can keep half. The paper trains on 500 pairs of views from CIFAR-10, and finds the same in " +
		"ResNets under the losses of Barlow Twins, SimCLR and VICReg.",
	Shows: []lab.Metric{stepsAtOnce, stepsOrder, stepsTimes, stepsBeyond, blurredAtOnce},
	Expect: []lab.Expectation{
		expect.Holds(stepsAtOnce, 1, 1),
		expect.Holds(stepsOrder, 1, 1),
		expect.Holds(stepsTimes, 0.95, 1),
		expect.Holds(stepsBeyond, 0, 0),
		expect.Holds(blurredAtOnce, 3, theory.StepOutputs),
	},
	Closed: remembered(func(seed uint64) (lab.Sample, error) {
		small, large := theory.Stepwise(1e-4, seed), theory.Stepwise(1, seed)
		slow := make([]float64, theory.StepOutputs) // 1/γ
		for j := range slow {
			slow[j] = 1 / small.Gamma[j]
		}
		times := small.Times[:theory.StepOutputs]
		return lab.Sample{Values: map[lab.Metric]float64{
			stepsAtOnce: small.AtOnce, blurredAtOnce: large.AtOnce, stepsBeyond: small.Beyond(),
			stepsOrder: collapse.Spearman(times, slow), stepsTimes: stat.Correlation(times, slow, nil),
		}}, nil
	}),
}

// The numbers of STP-01.
const (
	// largest number of eigenvalues of the embedding that are between 0.1 and 0.9 at the same time
	stepsAtOnce   lab.Metric = "small weights.rising"
	blurredAtOnce lab.Metric = "large weights.rising"
	// Spearman's rank correlation of 1/γ and the time at which the direction is half learnt
	stepsOrder lab.Metric = "small weights.order"
	stepsTimes lab.Metric = "small weights.times" // Pearson's correlation of both
	// directions beyond the first 6 that are learnt, for which the embedding has no room
	stepsBeyond lab.Metric = "small weights.beyond"
)
