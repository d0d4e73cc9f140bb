// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"gonum.org/v1/gonum/stat"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
	"github.com/parallax-ssl/parallax/lab/theory"
)

// Claims about linear networks, which can be computed, and about the dimensional collapse that they explain.

var jng01 = lab.Experiment{
	ID: "JNG-01", Method: "simclr", Switch: "negatives",
	Question: "Do negatives keep SimCLR's embeddings from losing dimensions?",
	Claim: "Not all: although negatives push images apart, some directions of the embedding lose their variance " +
		"altogether.",
	Source:   "Jing et al. 2022, arXiv:2110.09348, figure 2",
	Reported: "a figure: of 128 singular values of the covariance a part drops to zero (ImageNet, ResNet-18, 100 epochs)",
	Scale: "Directions with less than a millionth of the largest one's variance count as lost. In a run of minutes they " +
		"may only have begun to shrink.",
	Arms:   []lab.Arm{simclr},
	Shows:  []lab.Metric{lab.Vanished, lab.EffectiveRank, lab.Participation},
	Expect: []lab.Expectation{expect.Above(lab.Vanished, "SimCLR", 0.5)},
}

var jng02 = lab.Experiment{
	ID: "JNG-02", Method: "directclr", NeedsLabels: true, Switch: "head",
	Question: "Does a part of the features do what a projector does?",
	Claim: "Without a projector SimCLR's features lose dimensions; a loss on a fixed part of them prevents that, and is " +
		"as good as a trained linear projector.",
	Source: "Jing et al. 2022, arXiv:2110.09348, table 2",
	Reported: "no projector 51.5, a trained linear one 61.1, a part of the features (DirectCLR) 62.7 (ImageNet, " +
		"ResNet-18, 100 epochs, linear)",
	Scale: "32 of 64 features, not 360 of 2,048. A difference below 0.04 stands for as good.",
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
	Question: "Can an augmentation be so strong that a contrastive loss gives up dimensions?",
	Claim: "A linear network under InfoNCE loses the dimensions in which augmentation varies more than the data do, and " +
		"no others.",
	Source: "Jing et al. 2022, arXiv:2110.09348, theorem 1 and figure 3",
	Reported: "spectra of 16 x 16 weights: half of the singular values vanish when strong noise is added to half of the " +
		"dimensions",
	Scale: "Computed from the loss's exact gradient, without images: 16 dimensions, noise in eight of them with a " +
		"tenth, and with ten times, the variance of the data.",
	Shows: []lab.Metric{vanishedStrong, vanishedWeak},
	Expect: []lab.Expectation{expect.Holds(vanishedWeak, 0, 0),
		expect.Holds(vanishedStrong, theory.LinearDims/2, theory.LinearDims/2)},
	Closed: remembered(func(seed uint64) (lab.Sample, error) {
		return lab.Sample{Values: map[lab.Metric]float64{
			vanishedWeak:   theory.Vanished(theory.TrainLinear(1, 0.1, 1, seed), 1e-3),
			vanishedStrong: theory.Vanished(theory.TrainLinear(1, 10, 1, seed), 1e-3),
		}}, nil
	}),
}

// Of the weights' 16 singular values, how many are below a thousandth of the largest.
const (
	vanishedWeak   lab.Metric = "weak augmentation.vanished"
	vanishedStrong lab.Metric = "strong augmentation.vanished"
)

var jng04 = lab.Experiment{
	ID: "JNG-04", Method: "simclr", Switch: "network",
	Question: "Does a second layer cost dimensions even under weak augmentation?",
	Claim: "Of two linear layers the small singular values grow the slower the smaller they are, so the product ends " +
		"with few large ones, where one layer keeps all.",
	Source:   "Jing et al. 2022, arXiv:2110.09348, theorem 3 and figure 6",
	Reported: "curves of 16 x 16 weights: the lowest few singular values remain much smaller",
	Scale: "Computed from the loss's exact gradient, without images: 16 dimensions, weak noise in eight of them, " +
		"weights that begin small.",
	Shows:  []lab.Metric{vanishedOfTwo, vanishedOfOne},
	Expect: []lab.Expectation{expect.Holds(vanishedOfOne, 0, 1), expect.Holds(vanishedOfTwo, 3, theory.LinearDims)},
	Closed: remembered(func(seed uint64) (lab.Sample, error) {
		const noise, scale, share = 0.1, 0.3, 0.01
		return lab.Sample{Values: map[lab.Metric]float64{
			vanishedOfOne: theory.Vanished(theory.TrainLinear(1, noise, scale, seed), share),
			vanishedOfTwo: theory.Vanished(theory.TrainLinear(2, noise, scale, seed), share),
		}}, nil
	}),
}

// Of the whole map's 16 singular values, how many are below a hundredth of the largest.
const (
	vanishedOfOne lab.Metric = "one layer.vanished"
	vanishedOfTwo lab.Metric = "two layers.vanished"
)

var jng05 = lab.Experiment{
	ID: "JNG-05", Method: "directclr", Switch: "head",
	Question: "Do the features that DirectCLR's loss does not see keep their rank?",
	Claim: "They do: what the loss does to a part of the features reaches the rest through the last block's residual " +
		"connection.",
	Source:     "Jing et al. 2022, arXiv:2110.09348, section 6.3",
	Reported:   "a figure; linear accuracy 62.7",
	Untestable: "evaluations measure the features as a whole, and not those alone that the loss does not see",
}

var stp01 = lab.Experiment{
	ID: "STP-01", Method: "barlowtwins", Switch: "network",
	Question: "Are the dimensions of an embedding learnt all at once, or one after another?",
	Claim: "From small weights a linear network under Barlow Twins' loss learns one dimension at a time, in the order " +
		"of the eigenvalues γ of the views' cross-correlation, each after a time proportional to 1/γ.",
	Source: "Simon et al. 2023, arXiv:2303.15438, abstract and figure 1",
	Reported: "curves: the embedding's eigenvalues rise to 1 in well-separated steps, where the theory has them; that " +
		"large weights blur the steps is from memory",
	Scale: "Computed from the loss's exact gradient, without images: 12 inputs, of which an embedding of 6 dimensions " +
		"can keep half. The paper trains on 500 pairs of views from CIFAR-10, " +
		"and finds the same in ResNets under the losses of Barlow Twins, SimCLR and VICReg.",
	Shows: []lab.Metric{stepsAtOnce, stepsOrder, stepsTimes, stepsBeyond, blurredAtOnce},
	Expect: []lab.Expectation{
		expect.Holds(stepsAtOnce, 1, 1), expect.Holds(stepsOrder, 1, 1), expect.Holds(stepsTimes, 0.95, 1),
		expect.Holds(stepsBeyond, 0, 0), expect.Holds(blurredAtOnce, 3, theory.StepOutputs),
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

// What STP-01 computes.
const (
	// the most eigenvalues of the embedding that are between 0.1 and 0.9 at once
	stepsAtOnce   lab.Metric = "small weights.rising"
	blurredAtOnce lab.Metric = "large weights.rising"
	// Spearman's rank correlation of 1/γ and the time at which the direction is half learnt
	stepsOrder lab.Metric = "small weights.order"
	stepsTimes lab.Metric = "small weights.times" // Pearson's correlation of the same
	// directions that are learnt though the embedding has no room: all but the first 6
	stepsBeyond lab.Metric = "small weights.beyond"
)
