// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"slices"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
)

// Claims about whitening: W-MSE and decorrelated batch normalisation.

// Arms of W-MSE that several experiments share: each runs once.
var (
	wmse        = lab.Arm{Name: "W-MSE", Method: "wmse"} // slices of 128 rows of 64 features, one partition
	wmseNoWhite = lab.Arm{Name: "without whitening", Method: "wmse",
		Set: []string{"method.whitening=false"}}
)

var wms01 = lab.Experiment{
	ID: "WMS-01", Method: "wmse",
	Question: "Does whitening keep W-MSE from collapsing?",
	Claim: "Without whitening, the distance between positives has a trivial solution, and all embeddings become one " +
		"point. With whitening, no negatives are needed.",
	Source:   "Ermolov et al. 2021, arXiv:2007.06346, abstract",
	Reported: "an argument, without numbers",
	Arms:     []lab.Arm{wmse, wmseNoWhite},
	Shows:    []lab.Metric{lab.MeanCosine, lab.Std, lab.EffectiveRank, lab.Loss},
	Expect:   []lab.Expectation{expect.Collapses("without whitening", collapse.Complete, collapse.Collapsing)},
	Effect:   &lab.Effect{Metric: lab.MeanCosine, Arm: "without whitening", Of: "W-MSE"},
}

var wms02 = lab.Experiment{
	ID: "WMS-02", Method: "wmse", Switch: "whitening",
	Question: "Is W-MSE as good as SimCLR and BYOL?",
	Claim:    "On CIFAR-10 all three are equally good.",
	Source:   "Ermolov et al. 2021, arXiv:2007.06346, table 1, as quoted in later work",
	Reported: "linear / 5-NN: W-MSE 91.55 / 89.69, SimCLR 91.80 / 88.42, BYOL 91.73 / 89.45 (ResNet-18, " +
		"1,000 epochs)",
	Untestable: "the accuracies are a quarter of a point apart, after 1,000 epochs",
}

var wms03 = lab.Experiment{
	ID: "WMS-03", Method: "wmse", NeedsLabels: true,
	Question: "How many images must W-MSE whiten together?",
	Claim: "Slices with hardly more rows than the embedding has dimensions whiten badly. The published settings take " +
		"at least twice as many.",
	Source:   "Ermolov et al. 2021, arXiv:2007.06346, section 4.2, and the commands of htdt/self-supervised",
	Reported: "slices of 128 rows for 64 dimensions, of 256 rows for 128",
	Scale: "If a slice has no more rows than dimensions, its covariance has no inverse, and a ridge is added to it; " +
		"terms.epsilon shows how large it is.",
	Arms: []lab.Arm{
		wmse,
		{Name: "slices of 72 rows", Method: "wmse", Set: []string{"method.slice=72"}},
		{Name: "slices of 64 rows", Method: "wmse", Set: []string{"method.slice=64"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.Loss, "terms.escalations", lab.EffectiveRank},
	Expect: []lab.Expectation{
		expect.Above("terms.escalations", "slices of 64 rows", 0),
		expect.Below("terms.escalations", "W-MSE", 0.01),
		expect.More(lab.KNN, "W-MSE", "slices of 64 rows", 0),
		expect.More(lab.KNN, "W-MSE", "slices of 72 rows", 0),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "W-MSE", Of: "slices of 64 rows"},
}

var wms04 = lab.Experiment{
	ID: "WMS-04", Method: "wmse",
	Question: "Does averaging over several partitions of the batch steady W-MSE's loss?",
	Claim: "Whitening in small slices depends on which images share a slice. Averaging the loss over several random " +
		"partitions makes it vary less from step to step.",
	Source:   "Ermolov et al. 2021, arXiv:2007.06346, section 3.2",
	Reported: "an argument; four partitions in the published settings for STL-10 and Tiny ImageNet",
	Scale:    "Batches also differ from one another, which no partition changes.",
	Arms: []lab.Arm{
		{Name: "slices of 128 rows", Method: "wmse", Set: []string{"train.log_every=1"}},
		{Name: "slices of 72 rows", Method: "wmse", Set: []string{"method.slice=72", "train.log_every=1"}},
		{Name: "slices of 72 rows, four partitions", Method: "wmse",
			Set: []string{"method.slice=72", "method.iterations=4", "train.log_every=1"}},
	},
	Shows: []lab.Metric{lab.LossNoise, lab.Loss},
	Expect: []lab.Expectation{
		expect.More(lab.LossNoise, "slices of 72 rows", "slices of 72 rows, four partitions", 0),
	},
	Effect: &lab.Effect{Metric: lab.LossNoise, Arm: "slices of 72 rows", Of: "slices of 72 rows, four partitions"},
}

var wms05 = lab.Experiment{
	ID: "WMS-05", Method: "wmse", NeedsLabels: true,
	Question: "Is W-MSE better with four views of an image than with two?",
	Claim:    "With four views, which make six positive pairs, W-MSE's features are better than with two.",
	Source:   "Ermolov et al. 2021, arXiv:2007.06346, table 1",
	Reported: "CIFAR-10, ResNet-18, 1,000 epochs, linear / 5-NN: 91.99 / 89.87 with four, 91.55 / 89.69 with two, as " +
		"quoted in later work",
	Scale: "The arms have the same number of steps, so four views take twice the time. The published gain is less " +
		"than half a point, which five runs of minutes can hardly resolve.",
	Arms: []lab.Arm{
		wmse,
		{Name: "four views", Method: "wmse", Set: []string{"method.view_count=4"}},
	},
	Shows:  []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{expect.Survives("four views"), expect.More(lab.KNN, "four views", "W-MSE", 0)},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "four views", Of: "W-MSE"},
}

// Arms with Hua et al.'s plain loss, which is the distance of the two views. They differ in the end of the projector.
// VIbCReg's iterative normalisation approximates decorrelated batch norm, in groups of 16 features. Its usual five
// steps are too rough: the network finds embeddings that stay correlated and short, with a participation ratio of 2.1
// after 40 steps. With ten steps the ratio is 24.
var (
	plainLoss         = []string{"method.invariance=1", "method.variance=0", "method.covariance=0"}
	plainDecorrelated = lab.Arm{Name: "decorrelated", Method: "vibcreg",
		Set: append(slices.Clone(plainLoss), "method.iter_norm_groups=16", "method.iter_norm_steps=10")}
	plainStandardised = lab.Arm{Name: "standardised", Method: "vibcreg",
		Set: append(slices.Clone(plainLoss), "method.iter_norm=false", "method.projector.output_norm=true")}
	plainBare = lab.Arm{Name: "not normalised", Method: "vibcreg",
		Set: append(slices.Clone(plainLoss), "method.iter_norm=false", "method.projector.output_norm=false")}
)

var dbn01 = lab.Experiment{
	ID: "DBN-01", Method: "vibcreg", Switch: "whitening",
	Question: "What happens to embeddings that are only drawn together and not normalised?",
	Claim:    "They become one point. Normalising them prevents that, even if nothing else keeps them apart.",
	Source:   "Hua et al. 2021, arXiv:2105.00470, abstract",
	Reported: "complete collapse, without numbers",
	Scale: "VIbCReg without its variance and covariance terms stands for the paper's loss, and its iterative " +
		"normalisation for decorrelated batch norm.",
	Arms:   []lab.Arm{plainDecorrelated, plainBare},
	Shows:  []lab.Metric{lab.MeanCosine, lab.RawStd, lab.EffectiveRank},
	Expect: []lab.Expectation{expect.Collapses("not normalised", collapse.Complete, collapse.Collapsing)},
	Effect: &lab.Effect{Metric: lab.MeanCosine, Arm: "not normalised", Of: "decorrelated"},
}

var dbn02 = lab.Experiment{
	ID: "DBN-02", Method: "wmse", Switch: "whitening",
	Question: "Is it enough to standardise each dimension of the embedding?",
	Claim: "Batch norm at the end keeps the embeddings from becoming one point, but leaves redundant dimensions. " +
		"Decorrelating them prevents that, too.",
	Source:   "Hua et al. 2021, arXiv:2105.00470, abstract",
	Reported: "complete collapse without standardisation, dimensional collapse with it, without numbers",
	Scale: "W-MSE without whitening stands for the paper's plain loss, and its whitening for " +
		"decorrelated batch norm.",
	Arms: []lab.Arm{
		wmse,
		{Name: "standardised", Method: "wmse",
			Set: []string{"method.whitening=false", "method.projector.output_norm=true"}},
		wmseNoWhite,
	},
	Shows: []lab.Metric{lab.Participation, lab.Correlation, lab.MeanCosine, lab.EffectiveRank},
	Expect: []lab.Expectation{
		expect.Collapses("without whitening", collapse.Complete, collapse.Collapsing),
		expect.Collapses("standardised", collapse.Dimensional),
	},
	Effect: &lab.Effect{Metric: lab.Correlation, Arm: "standardised", Of: "W-MSE"},
}

var dbn03 = lab.Experiment{
	ID: "DBN-03", Method: "vibcreg", NeedsLabels: true, Switch: "whitening",
	Question: "Does a layer that decorrelates the dimensions prevent the collapse that standardising leaves?",
	Claim:    "Standardised embeddings lose dimensions. Decorrelated ones do not, and learn without any other means.",
	Source:   "Hua et al. 2021, arXiv:2105.00470; accuracies as quoted in later work",
	Reported: "CIFAR-10, ResNet-18: 90.45 linear and 88.15 5-NN with shuffled decorrelated batch norm",
	Scale: "VIbCReg without its variance and covariance terms stands for the paper's loss. Its iterative " +
		"normalisation stands for decorrelated batch norm, in groups of 16 of 256 features that are not shuffled.",
	Arms:  []lab.Arm{plainDecorrelated, plainStandardised},
	Shows: []lab.Metric{lab.Correlation, lab.Participation, lab.EffectiveRank, lab.KNN},
	Expect: []lab.Expectation{
		expect.Collapses("standardised", collapse.Dimensional),
		expect.More(lab.Correlation, "standardised", "decorrelated", 0),
		expect.Gains("decorrelated", expect.KNNGain),
	},
	Effect: &lab.Effect{Metric: lab.Correlation, Arm: "standardised", Of: "decorrelated"},
}
