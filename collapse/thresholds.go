// SPDX-License-Identifier: Apache-2.0

package collapse

// ThresholdsVersion numbers the values that DefaultThresholds returns. It grows with every change of a value.
const ThresholdsVersion = 2

// Thresholds are the limits that [Diagnose] compares with. The observations below, by which they were calibrated, come
// from about 70 short runs on Fashion-MNIST: a residual network of 77,000 parameters, batches of 256, 200 steps (a few
// runs: 1,000), one to three seeds, embeddings of 5,000 images. Observations on CIFAR-10 come from runs of this
// program: a ResNet-18 of a quarter of its width, 975 steps, one seed. These are two data sets and two small networks.
// Calibrate again when there are more.
type Thresholds struct {
	Version int `json:"version"`

	// CompleteCosine is the mean cosine above which an embedding is one point. Every completed collapse had 0.937 or
	// more, every healthy run 0.704 or less (DINO had the most).
	CompleteCosine float64 `json:"complete_cosine"`
	// StartedCosine is the mean cosine above which a network starts as one point. Heads without batch norm start at
	// 0.92 to 0.96, heads with batch norm at 0.19 to 0.31. SpreadCosine is the mean cosine below which a network that
	// started as one point has spread; the healthy runs were below it.
	StartedCosine float64 `json:"started_cosine"`
	SpreadCosine  float64 `json:"spread_cosine"`
	// RawShare is for losses that depend on the length of embeddings. An embedding is one point when its raw deviation
	// is below this share of the first one.
	RawShare float64 `json:"raw_share"`
	// TrivialFloor is for losses that a constant embedding minimises. A [LossFloor] below it counts as the loss of a
	// constant embedding.
	TrivialFloor float64 `json:"trivial_floor"`
	// ChanceSlack is for losses whose chance level is the loss of a constant embedding. A loss within this relative
	// distance counts as that level: MoCo without momentum had 7.61, and ln 2049 is 7.625.
	ChanceSlack float64 `json:"chance_slack"`
	// DivergedFactor is the multiple of its first height above its minimum (0 if none is known) at which a loss has
	// diverged.
	DivergedFactor float64 `json:"diverged_factor"`

	// CosineMore is by how much the mean cosine of a collapsing embedding exceeds the reference's at the same step, or
	// its own at the start. SimSiam without stop-gradient had 0.859 while collapsing, its reference 0.050.
	CosineMore float64 `json:"cosine_more"`
	// CosineRising is by how much the mean cosine of a collapsing embedding must have grown over the last half of the
	// training so far. Growth is not needed once the cosine rests: above CompleteCosine with a loss floor below
	// CollapsingFloor, or above CollapsingCosine with a loss floor below TrivialFloor. On CIFAR-10 BYOL without
	// predictor had 0.966 after 50 steps and 0.980 after 200, with a floor of 0.050; VICReg without variance had 0.928
	// with a floor of 0.002 (since version 2).
	CosineRising float64 `json:"cosine_rising"`
	// CollapsingCosine is the least mean cosine of a collapsing embedding if there is no reference: on CIFAR-10 healthy
	// BYOL went from 0.29 to 0.69 and back. The loss must then also approach that of a constant embedding: a loss floor
	// below CollapsingFloor, or, when that loss is the chance level, a relative distance below CollapsingChance.
	// Healthy SimCLR goes to a mean cosine of 0.83 within 80 steps and back, while its loss falls. On CIFAR-10 SimSiam
	// had a floor of 0.29 when healthy and 0.06 without stop-gradient. CollapsingChance is not calibrated.
	CollapsingCosine float64 `json:"collapsing_cosine"`
	CollapsingFloor  float64 `json:"collapsing_floor"`
	CollapsingChance float64 `json:"collapsing_chance"`

	// RankRatio and ParticipationShare are shares of the reference's effective rank and participation ratio. Below them
	// an embedding has lost dimensions. Runs that had lost dimensions had at most 0.23, and 0.09 to 0.55.
	RankRatio          float64 `json:"rank_ratio"`
	ParticipationShare float64 `json:"participation_share"`
	// TopShare is the share of the variance in one direction above which dimensions are lost, whatever the ranks, if it
	// also exceeds the reference's by TopShareMore. Healthy SwAV had a participation ratio of 1.3, which is a share of
	// at least 0.77.
	TopShare     float64 `json:"top_share"`
	TopShareMore float64 `json:"top_share_more"`
	// Without a reference, dimensions are lost when the participation ratio is below LowParticipation and the effective
	// rank below LowRank times that of the untrained network. Neither alone would do. Runs that had lost dimensions had
	// at most 1.9 and 0.077; healthy runs without clusters had at least 2.5 and 0.10, or 1.27 and 0.19 (SimSiam on
	// CIFAR-10). Healthy runs with clusters had participation ratios of 1.3 (SwAV) and 1.8 (DINO), and are not judged
	// by this rule. If the untrained network's rank is unknown, min(number of dimensions, RankWidth) takes its place,
	// because ranks do not grow in proportion to the width. The correlation of dimensions is no third criterion: one
	// large direction, as in healthy SimSiam (at least 0.79 of the variance), makes it high. A share of the variance
	// above OneDirection is too much at any rank, because a rank also counts the noise in the other directions.
	LowParticipation float64 `json:"low_participation"`
	LowRank          float64 `json:"low_rank"`
	RankWidth        float64 `json:"rank_width"`
	OneDirection     float64 `json:"one_direction"`

	// KNNGain is by how much the features' kNN accuracy must exceed the untrained network's: two standard errors of
	// 2,000 queries. The healthy runs gained 0.054 to 0.175. VICReg without invariance lost 0.022. Barlow Twins with
	// the off-diagonal term alone gained nothing.
	KNNGain float64 `json:"knn_gain"`
	// LearningSteps is the number of steps before which kNN accuracy and convergence are not judged. Nor is a rising
	// cosine when the loss of a constant embedding is unknown.
	LearningSteps int `json:"learning_steps"`
	// HighFloor is the loss floor above which a run does not converge, if its reference converges, which means a floor
	// below LowFloor: SimSiam with a fixed predictor had 0.82, its reference 0.17. HighFloorAlone is the limit without
	// a reference.
	HighFloor      float64 `json:"high_floor"`
	LowFloor       float64 `json:"low_floor"`
	HighFloorAlone float64 `json:"high_floor_alone"`

	// OnePerplexity and OneShare are the limits for assignments to one cluster: a perplexity below, or a largest share
	// above. SwAV without Sinkhorn-Knopp had a perplexity of 1.0 of 64.
	OnePerplexity float64 `json:"one_perplexity"`
	OneShare      float64 `json:"one_share"`
	// UniformInformation and UniformEntropy, in units of ln K, are the limits for uniform assignments: information
	// below, and individual entropy above. DINO without sharpening had an entropy of 0.9997 and no information; healthy
	// DINO had 0.75 to 0.87, and 0.05 to 0.09.
	UniformInformation float64 `json:"uniform_information"`
	UniformEntropy     float64 `json:"uniform_entropy"`
	// FewRatio is the share of the reference's perplexity below which few clusters are in use. FewShare is the share of
	// min(K, n) below which that is so without a reference. DINO without centring had 2.0 of 256, healthy DINO 174.
	FewRatio float64 `json:"few_ratio"`
	FewShare float64 `json:"few_share"`
	// WeakInformation is the share of the reference's information below which assignments are weak. It is not
	// calibrated.
	WeakInformation float64 `json:"weak_information"`

	// Patience is the number of consecutive evaluations that must agree before a class is confirmed.
	Patience int `json:"patience"`
	// Grace, Settled and Half are shares of the run. Before Grace, nothing but divergence is confirmed. Before Settled,
	// ranks are not judged without a reference, because early in training directions are learnt one at a time; and a
	// class of clusters that the run began with is not confirmed. Before Half, kNN accuracy is not judged, nor
	// convergence without a reference. A run of unknown length counts as being at its end. None of the three is
	// calibrated.
	Grace   float64 `json:"grace"`
	Settled float64 `json:"settled"`
	Half    float64 `json:"half"`
}

// DefaultThresholds returns the values of [ThresholdsVersion].
func DefaultThresholds() Thresholds {
	return Thresholds{
		Version:        ThresholdsVersion,
		CompleteCosine: 0.93, StartedCosine: 0.9, SpreadCosine: 0.7, RawShare: 0.05,
		TrivialFloor: 0.05, ChanceSlack: 0.01, DivergedFactor: 3,
		CosineMore: 0.4, CosineRising: 0.02, CollapsingCosine: 0.8, CollapsingFloor: 0.2, CollapsingChance: 0.05,
		RankRatio: 0.4, ParticipationShare: 0.33, TopShare: 0.8, TopShareMore: 0.15,
		LowParticipation: 2, LowRank: 0.08, RankWidth: 128, OneDirection: 0.95,
		KNNGain: 0.02, LearningSteps: 100, HighFloor: 0.6, LowFloor: 0.4, HighFloorAlone: 0.8,
		OnePerplexity: 1.5, OneShare: 0.9, UniformInformation: 0.02, UniformEntropy: 0.95,
		FewRatio: 0.25, FewShare: 0.05, WeakInformation: 0.5,
		Patience: 3, Grace: 0.05, Settled: 0.1, Half: 0.5,
	}
}
