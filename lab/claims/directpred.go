// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
	"github.com/parallax-ssl/parallax/lab/theory"
)

// Claims about the predictor of BYOL and SimSiam: DirectPred and its theory.

var (
	byolLinear = lab.Arm{Name: "linear predictor", Method: "byol",
		Set: []string{"variant.predictor_form=linear"}}
	byolSymmetric = lab.Arm{Name: "symmetric predictor", Method: "byol",
		Set: []string{"variant.predictor_form=symmetric"}}
	byolSymmetricNoMomentum = lab.Arm{Name: "symmetric predictor, without momentum", Method: "byol",
		Set: slices.Concat(byolSymmetric.Set, byolNoMomentum.Set)}
)

var dpr01 = lab.Experiment{
	ID: "DPR-01", Method: "byol", Switch: "momentum target",
	Question: "Does BYOL need its slow target when the predictor is a single linear layer?",
	Claim: "It depends on the predictor. Without momentum, BYOL collapses with a symmetric predictor and not with a " +
		"free one. With momentum it collapses with neither.",
	Source: "Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 3",
	Reported: "STL-10, linear accuracy with and without momentum: 74.5 and 72.9 for a free matrix, 75.1 and 36.6 for " +
		"a symmetric one",
	Scale: "In the paper, collapse means low accuracy after 100 epochs. Here the geometry of the embeddings decides, " +
		"and a run of minutes may show less.",
	Arms: []lab.Arm{
		byolLinear,
		{Name: "linear predictor, without momentum", Method: "byol",
			Set: slices.Concat(byolLinear.Set, byolNoMomentum.Set)},
		byolSymmetric,
		byolSymmetricNoMomentum,
	},
	Shows: []lab.Metric{lab.EffectiveRank, lab.MeanCosine, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("linear predictor, without momentum"),
		expect.Survives("symmetric predictor"),
		expect.Collapses("symmetric predictor, without momentum"),
	},
	Effect: &lab.Effect{Metric: lab.EffectiveRank, Arm: "linear predictor, without momentum",
		Of: "symmetric predictor, without momentum", LogScale: true},
}

var byolSymmetricLayers = lab.Arm{Name: "symmetric predictor", Method: "byol",
	Set: []string{"variant.predictor_form=symmetric_mlp"}}

var dpr02 = lab.Experiment{
	ID: "DPR-02", Method: "byol", NeedsLabels: true, Switch: "momentum target",
	Question: "Does BYOL need its slow target when the predictor has two layers?",
	Claim: "Not if the layers are free: without momentum BYOL then learns, though less well. If one layer is the " +
		"other's transpose, BYOL collapses without momentum, but not with it.",
	Source: "Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 3",
	Reported: "STL-10, linear accuracy with and without momentum: 78.9 and 66.0 for free layers, 71.6 and 35.6 for " +
		"symmetric ones. BYOL's paper has 0.3 without momentum, on ImageNet",
	Scale: "As in the paper's code, batch norm stands between the two layers, so the whole predictor is not a " +
		"symmetric function.",
	Arms: []lab.Arm{
		byol,
		byolNoMomentum,
		byolSymmetricLayers,
		{Name: "symmetric predictor, without momentum", Method: "byol",
			Set: slices.Concat(byolSymmetricLayers.Set, byolNoMomentum.Set)},
	},
	Shows: []lab.Metric{lab.EffectiveRank, lab.MeanCosine, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("without momentum"),
		expect.Gains("without momentum", expect.KNNGain),
		expect.Survives("symmetric predictor"),
		expect.Collapses("symmetric predictor, without momentum"),
	},
	Effect: &lab.Effect{Metric: lab.EffectiveRank, Arm: "without momentum",
		Of: "symmetric predictor, without momentum", LogScale: true},
}

var dpr03 = lab.Experiment{
	ID: "DPR-03", Method: "byol", Switch: "optimiser",
	Question: "Can weight decay replace BYOL's slow target?",
	Claim: "With a symmetric linear predictor and without momentum, BYOL collapses without weight decay, and does " +
		"not collapse with decay of the predictor's weights alone.",
	Source: "Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 5",
	Reported: "STL-10, linear accuracy without momentum: 71.1 with weight decay for the predictor alone, 43.0 " +
		"without any; 71.9 and 71.8 with momentum",
	Scale: "The effect of decay grows with the number of steps. The paper's 0.0004 shrinks weights without a " +
		"gradient by several factors of e over 100 epochs, and by a few per cent in 200 steps. Here the predictor's " +
		"decay is 0.05, so that 200 steps come near the paper's effect.",
	Arms: []lab.Arm{
		byolLinear,
		{Name: "decaying symmetric predictor, without momentum", Method: "byol",
			Set: slices.Concat(byolSymmetric.Set, byolNoMomentum.Set, []string{"method.encoder_decay=false",
				"optim.weight_decay=0.05"})},
		{Name: "no decay, without momentum", Method: "byol",
			Set: slices.Concat(byolSymmetric.Set, byolNoMomentum.Set, []string{"optim.weight_decay=0"})},
	},
	Shows: []lab.Metric{lab.EffectiveRank, lab.MeanCosine, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("decaying symmetric predictor, without momentum"),
		expect.Collapses("no decay, without momentum"),
	},
	Effect: &lab.Effect{Metric: lab.EffectiveRank, Arm: "decaying symmetric predictor, without momentum",
		Of: "no decay, without momentum", LogScale: true},
}

var dpr04 = lab.Experiment{
	ID: "DPR-04", Method: "byol", Switch: "predictor",
	Question: "Can a faster predictor replace BYOL's slow target?",
	Claim: "Without momentum, BYOL with a symmetric linear predictor collapses if the predictor learns at the rate " +
		"of the rest of the network, and does not if it learns faster.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, figure 6",
	Reported: "a figure for STL-10 and CIFAR-10: it works above the rate of the rest",
	Scale: "The factor is 10, at which the target is dispensable in BYOL's own paper (table 21). A far higher rate " +
		"would keep the embedding from growing.",
	Arms: []lab.Arm{
		byolLinear,
		byolSymmetricNoMomentum,
		{Name: "faster symmetric predictor, without momentum", Method: "byol",
			Set: append(slices.Clone(byolSymmetricNoMomentum.Set), "method.predictor_rate_factor=10")},
	},
	Shows: []lab.Metric{lab.EffectiveRank, lab.MeanCosine, lab.KNN},
	Expect: []lab.Expectation{
		expect.Collapses("symmetric predictor, without momentum"),
		expect.Survives("faster symmetric predictor, without momentum"),
	},
	Effect: &lab.Effect{Metric: lab.EffectiveRank, Arm: "faster symmetric predictor, without momentum",
		Of: "symmetric predictor, without momentum", LogScale: true},
}

var byolDirect = lab.Arm{Name: "DirectPred", Method: "byol", Set: []string{"variant.predictor_form=direct"}}

var dpr05 = lab.Experiment{
	ID: "DPR-05", Method: "byol", NeedsLabels: true, Switch: "predictor",
	Question: "Must BYOL's predictor be trained at all?",
	Claim: "No: a linear predictor that is set from the correlation matrix of its inputs is at least as good as a " +
		"trained one.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 8",
	Reported: "STL-10, linear accuracy 77.9 if set and 75.1 if trained; CIFAR-10, set: 85.2",
	Scale: "A seed's kNN accuracy cannot resolve three points here. The rule requires that setting the predictor " +
		"costs at most two standard errors.",
	Arms:  []lab.Arm{byolLinear, byolDirect},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.EigenCosine},
	Expect: []lab.Expectation{
		expect.Survives("DirectPred"),
		expect.Gains("DirectPred", expect.KNNGain),
		expect.NoLess(lab.KNN, "DirectPred", "linear predictor", expect.KNNGain),
	},
}

var dpr06 = lab.Experiment{
	ID: "DPR-06", Method: "byol", Switch: "predictor",
	Question: "How much should be added to the eigenvalues of a predictor that is set?",
	Claim:    "A little: 0.1 of the largest eigenvalue is best, and 0.5 of it is as bad as training the predictor.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 6",
	Reported: "STL-10, linear accuracy 76.8, 77.1, 77.9 and 75.1 for 0, 0.01, 0.1 and 0.5",
	Untestable: "the differences are one to three points of accuracy, and the two standard errors of 200 steps of a " +
		"small network and 2,000 queries are two points; variant.direct.epsilon is available for longer runs",
}

var dpr07 = lab.Experiment{
	ID: "DPR-07", Method: "byol", Switch: "predictor",
	Question: "What happens to directions whose eigenvalue in the predictor is 0?",
	Claim: "They stay lost. With eigenvalues √max(s - 0.1, 0), which are 0 for small s, BYOL learns far less than " +
		"with √(s + 0.1).",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 7",
	Reported: "STL-10, linear accuracy 46.6 ± 18.4 with the former, 76.5 ± 0.6 with the latter",
	Scale: "The eigenvalues s are relative to the largest, as in the authors' code. The embedding's rank stands for " +
		"accuracy. A direction with eigenvalue 0 has no gradient and shrinks by weight decay alone, which is small " +
		"in short runs. So variance that is left in it does not show that the direction is of use.",
	Arms: []lab.Arm{
		{Name: "√(s + 0.1)", Method: "byol",
			Set: []string{"variant.predictor_form=direct", "variant.direct.epsilon=0", "variant.direct.constant=-0.1"}},
		{Name: "√max(s - 0.1, 0)", Method: "byol",
			Set: []string{"variant.predictor_form=direct", "variant.direct.epsilon=0", "variant.direct.constant=0.1"}},
	},
	Shows:  []lab.Metric{lab.EffectiveRank, lab.Loss, lab.KNN},
	Expect: []lab.Expectation{expect.More(lab.EffectiveRank, "√(s + 0.1)", "√max(s - 0.1, 0)", 0)},
	Effect: &lab.Effect{Metric: lab.EffectiveRank, Arm: "√(s + 0.1)", Of: "√max(s - 0.1, 0)", LogScale: true},
}

var dpr08 = lab.Experiment{
	ID: "DPR-08", Method: "byol", Switch: "predictor",
	Question: "What does a linear predictor become in training?",
	Claim:    "Its eigenvectors become those of E[zzᵀ], the correlation matrix of its inputs.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, theorem 3 and figure 2",
	Reported: "curves for STL-10: the cosine between an eigenvector of E[zzᵀ] and its image under the predictor " +
		"approaches 1",
	Scale: "The theorem is for a symmetric predictor. For random vectors of 128 numbers, the mean of ten cosines has " +
		"a standard deviation of 0.03; the rule requires a rise of 0.1. The commutator of a random matrix is small, " +
		"√(2/128), while the embeddings still have few directions, so it is compared with its value halfway through " +
		"the run.",
	Arms:  []lab.Arm{byolLinear, byolSymmetric},
	Shows: []lab.Metric{lab.EigenCosine, lab.Commutator, lab.SpectrumRank},
	Expect: []lab.Expectation{
		expect.Rises(lab.EigenCosine, "symmetric predictor", 0.1),
		expect.Rises(lab.EigenCosine, "linear predictor", 0.1),
		expect.Declines(lab.Commutator, "symmetric predictor"),
	},
}

var dpr09 = lab.Experiment{
	ID: "DPR-09", Method: "byol", Switch: "optimiser",
	Question: "Can weight decay alone make BYOL collapse?",
	Claim: "A linear network collapses from every start if weight decay exceeds τ²/(4(1+σ²)), where σ² is the " +
		"variance that augmentation adds, and τ is the target's size relative to the network's. Below that it need " +
		"not collapse.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, observation 5, and assumptions 1 to 3",
	Reported: "a theorem without numbers, for a symmetric predictor that shares its eigenvectors with E[zzᵀ]",
	Scale: "Computed from the paper's equations of motion, without images, for 8 dimensions and a predictor that is " +
		"not quite symmetric and shares no eigenvectors. The network begins where it would stay without decay, which " +
		"is farthest from collapse. It counts as collapsed when a hundredth of it is left.",
	Shows: []lab.Metric{leastThreshold, mostThreshold, leftBelow, leftAbove},
	Expect: []lab.Expectation{
		expect.Holds(leastThreshold, 0.98, 1.02),
		expect.Holds(mostThreshold, 0.98, 1.02),
		expect.Holds(leftBelow, 0.5, 1),
		expect.Holds(leftAbove, 0, 0.001),
	},
	Closed: remembered(func(seed uint64) (lab.Sample, error) {
		v := map[lab.Metric]float64{leastThreshold: math.Inf(1), leftBelow: math.Inf(1)}
		for _, m := range []theory.Motion{{Tau: 1, Sigma: 0.1, Rate: 1}, {Tau: 1, Sigma: 1, Rate: 3},
			{Tau: 0.7, Sigma: 0.3, Rate: 0.5}} {
			found := m.Threshold(seed)
			v[leastThreshold], v[mostThreshold] = math.Min(v[leastThreshold], found), math.Max(v[mostThreshold], found)
			least, _ := m.Left(0.8, seed)
			_, most := m.Left(1.2, seed)
			v[leftBelow], v[leftAbove] = math.Min(v[leftBelow], least), math.Max(v[leftAbove], most)
		}
		return lab.Sample{Values: v}, nil
	}),
}

// The numbers of DPR-09, over three settings of τ, σ² and the predictor's rate: the smallest decay that leaves nothing,
// relative to τ²/(4(1+σ²)), and what is left of the network's singular values at 0.8 and 1.2 of τ²/(4(1+σ²)).
const (
	leastThreshold lab.Metric = "threshold.least"
	mostThreshold  lab.Metric = "threshold.most"
	leftBelow      lab.Metric = "decay below the threshold.left"
	leftAbove      lab.Metric = "decay above the threshold.left"
)

var dpr10 = lab.Experiment{
	ID: "DPR-10", Method: "byol", NeedsLabels: true, Switch: "predictor",
	Question: "May embeddings be centred before a predictor is set from their correlation?",
	Claim:    "No: the predictor must be set from E[zzᵀ]. With the covariance instead, features are worse.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, section 4",
	Reported: "in words: otherwise the performance deteriorates",
	Scale:    "Every batch is centred by its own mean.",
	Arms: []lab.Arm{
		byolDirect,
		{Name: "centred", Method: "byol", Set: append(slices.Clone(byolDirect.Set), "variant.direct.centred=true")},
	},
	Shows:  []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{expect.More(lab.KNN, "DirectPred", "centred", 0)},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "DirectPred", Of: "centred"},
}

// The authors' values for both losses, with momentum and without (scripts/pretrain of fmi-basel/implicit-var-reg at
// 2e8d364).
var (
	direct          = []string{"variant.predictor_form=direct", "variant.direct.rho=0.5", "variant.direct.epsilon=0"}
	directNoTarget  = slices.Concat(direct, byolNoMomentum.Set)
	directIsotropic = append(slices.Clone(directNoTarget), "variant.direct.isotropic=true")
)

var dpr11 = lab.Experiment{
	ID: "DPR-11", Method: "byol", NeedsLabels: true, Switch: "momentum target",
	Question: "Is BYOL's slow target needed when all directions are learnt at the same rate?",
	Claim: "No. The predictor's eigenvalues multiply the learning rates of their directions. With a loss that leaves " +
		"them out, BYOL learns without momentum, and better than with the usual loss.",
	Source:   "Halvagal, Laborieux & Zenke 2023, arXiv:2212.04858, abstract; the loss is from their code",
	Reported: "in words: IsoLoss speeds up the initial learning dynamics and makes the moving average dispensable",
	Scale:    "The authors train for 1,000 epochs.",
	Arms: []lab.Arm{
		{Name: "DirectPred", Method: "byol", Set: direct},
		{Name: "without momentum", Method: "byol", Set: directNoTarget},
		{Name: "isotropic, without momentum", Method: "byol", Set: directIsotropic},
	},
	Shows: []lab.Metric{lab.KNN, lab.EffectiveRank, lab.MeanCosine},
	Expect: []lab.Expectation{
		expect.Survives("isotropic, without momentum"),
		expect.Gains("isotropic, without momentum", expect.KNNGain),
		expect.More(lab.KNN, "isotropic, without momentum", "without momentum", 0),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "isotropic, without momentum", Of: "without momentum"},
}
