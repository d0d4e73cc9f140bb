// SPDX-License-Identifier: Apache-2.0

package collapse

// ThresholdsVersion numbers the values that DefaultThresholds returns: a change of one is a new number.
const ThresholdsVersion = 2

// Thresholds are the numbers that [Diagnose] compares with. What is said of a value's calibration comes from some 70 short
// runs: Fashion-MNIST, a residual network of 77,000 parameters, batches of 256, 200 steps (a few 1,000), one to three seeds,
// embeddings of 5,000 images. Where CIFAR-10 is named it is from runs of this program: a ResNet-18 of a quarter of its width,
// 975 steps, one seed. That is two data sets and two small networks: fit them again where there are more.
type Thresholds struct {
	Version int `json:"version"`

	// CompleteCosine is the mean cosine above which an embedding is one point. Every finished collapse had 0.937 or more,
	// every healthy run 0.704 or less (DINO's).
	CompleteCosine float64 `json:"complete_cosine"`
	// StartedCosine is the mean cosine above which a network starts out as one point: heads without batch norm start at
	// 0.92 to 0.96, those with at 0.19 to 0.31. SpreadCosine is the one below which it has come out of that once: what the
	// healthy runs had.
	StartedCosine float64 `json:"started_cosine"`
	SpreadCosine  float64 `json:"spread_cosine"`
	// RawShare is the share of its first raw deviation below which an embedding whose length the loss looks at is one point.
	RawShare float64 `json:"raw_share"`
	// TrivialFloor is the [LossFloor] below which a loss is that of a constant embedding, where that is its minimum.
	TrivialFloor float64 `json:"trivial_floor"`
	// ChanceSlack is how near a loss must come to that of a constant embedding, relative to it, where that is its chance
	// level: MoCo without momentum had 7.61, and ln 2049 is 7.625.
	ChanceSlack float64 `json:"chance_slack"`
	// DivergedFactor is how many times its first value, above its minimum, the loss must be to have diverged.
	DivergedFactor float64 `json:"diverged_factor"`

	// CosineMore is how much larger the mean cosine of a collapsing embedding is than the reference's at the same step, or
	// than its own at the start: SimSiam without stop-gradient had 0.859 on its way, against 0.050.
	CosineMore float64 `json:"cosine_more"`
	// CosineRising is by how much it must have grown over the last half of the training so far. It need not where it has come to
	// rest: above CompleteCosine with a loss below CollapsingFloor, or above CollapsingCosine with one below TrivialFloor. On
	// CIFAR-10 BYOL without predictor was at 0.966 after 50 steps and at 0.980 after 200, with a floor of 0.050, and VICReg
	// without variance at 0.928 with 0.002 (since version 2).
	CosineRising float64 `json:"cosine_rising"`
	// CollapsingCosine is the least it must be without a reference: healthy BYOL went from 0.29 to 0.69 on CIFAR-10, and back.
	// The loss must then be on its way to that of a constant embedding, below CollapsingFloor or nearer than CollapsingChance
	// where that is the chance level: healthy SimCLR goes to 0.83 within 80 steps, and back, while its loss falls. Healthy
	// SimSiam had a floor of 0.29 on CIFAR-10, and without stop-gradient 0.06. CollapsingChance is not calibrated.
	CollapsingCosine float64 `json:"collapsing_cosine"`
	CollapsingFloor  float64 `json:"collapsing_floor"`
	CollapsingChance float64 `json:"collapsing_chance"`

	// RankRatio and ParticipationShare are the parts of the reference's effective rank and participation ratio below which
	// an embedding has lost dimensions: at most 0.23, and 0.09 to 0.55, in the runs that had.
	RankRatio          float64 `json:"rank_ratio"`
	ParticipationShare float64 `json:"participation_share"`
	// TopShare is the share of the variance in one direction that says so alone, when it is TopShareMore above the
	// reference's: healthy SwAV had a participation ratio of 1.3, which is a share of at least 0.77.
	TopShare     float64 `json:"top_share"`
	TopShareMore float64 `json:"top_share_more"`
	// Without a reference, a participation ratio below LowParticipation together with an effective rank below LowRank times
	// that of the untrained network: the runs that had lost dimensions had at most 1.9 and 0.077, the healthy ones without
	// clusters at least 2.5 and 0.10, or 1.27 and 0.19 (SimSiam on CIFAR-10). Neither alone would do. Healthy runs with
	// clusters had 1.3 (SwAV) and 1.8 (DINO), and are not judged by it. Where the untrained network's rank is unknown, its
	// place is taken by the number of dimensions as far as RankWidth: ranks do not grow in proportion to the width. The
	// correlation of dimensions is no third criterion: one large direction, as healthy SimSiam has (at least 0.79 of the
	// variance), makes it high. A share of the variance above OneDirection is too much at any rank, because a rank counts
	// the noise beside it.
	LowParticipation float64 `json:"low_participation"`
	LowRank          float64 `json:"low_rank"`
	RankWidth        float64 `json:"rank_width"`
	OneDirection     float64 `json:"one_direction"`

	// KNNGain is how much better the features' nearest neighbours must be than the untrained network's: two standard
	// errors of 2,000 queries. The healthy runs gained 0.054 to 0.175. VICReg without invariance lost 0.022, and Barlow
	// Twins with the off-diagonal term alone gained nothing.
	KNNGain float64 `json:"knn_gain"`
	// LearningSteps is how many steps it takes before neighbours, convergence and, where the loss of a constant embedding
	// is unknown, a rising cosine are judged.
	LearningSteps int `json:"learning_steps"`
	// HighFloor and LowFloor are the loss floors of a run that does not converge and of its reference, which does: SimSiam
	// with a fixed predictor had 0.82 against 0.17. HighFloorAlone is the former without a reference.
	HighFloor      float64 `json:"high_floor"`
	LowFloor       float64 `json:"low_floor"`
	HighFloorAlone float64 `json:"high_floor_alone"`

	// OnePerplexity and OneShare are those of assignments that go to one cluster: SwAV without Sinkhorn-Knopp had a
	// perplexity of 1.0 of 64.
	OnePerplexity float64 `json:"one_perplexity"`
	OneShare      float64 `json:"one_share"`
	// UniformInformation and UniformEntropy, in units of ln K, are below and above those of assignments that say nothing:
	// DINO without sharpening had an entropy of 0.9997 and no information; a healthy one 0.75 to 0.87, and 0.05 to 0.09.
	UniformInformation float64 `json:"uniform_information"`
	UniformEntropy     float64 `json:"uniform_entropy"`
	// FewRatio is the part of the reference's perplexity below which few clusters are in use, FewShare that of min(K, n)
	// without a reference: DINO without centring had 2.0 of 256, a healthy one 174.
	FewRatio float64 `json:"few_ratio"`
	FewShare float64 `json:"few_share"`
	// WeakInformation is the part of the reference's information below which assignments are weak. It is not calibrated.
	WeakInformation float64 `json:"weak_information"`

	// Patience is how many evaluations in a row must say the same for a class to be confirmed.
	Patience int `json:"patience"`
	// Grace is the share of the run in which nothing but divergence is confirmed. Settled is the share before which ranks are
	// not judged without a reference, and clusters that began as they are now are not confirmed: early in training directions
	// are learnt one at a time. Half is the share before which neighbours and, without a reference, convergence are not judged.
	// A run of unknown length is taken to be at its end. They are not calibrated.
	Grace   float64 `json:"grace"`
	Settled float64 `json:"settled"`
	Half    float64 `json:"half"`
}

// DefaultThresholds returns the values of [ThresholdsVersion].
func DefaultThresholds() Thresholds {
	return Thresholds{
		Version:        ThresholdsVersion,
		CompleteCosine: 0.93, StartedCosine: 0.9, SpreadCosine: 0.7, RawShare: 0.05, TrivialFloor: 0.05, ChanceSlack: 0.01, DivergedFactor: 3,
		CosineMore: 0.4, CosineRising: 0.02, CollapsingCosine: 0.8, CollapsingFloor: 0.2, CollapsingChance: 0.05,
		RankRatio: 0.4, ParticipationShare: 0.33, TopShare: 0.8, TopShareMore: 0.15,
		LowParticipation: 2, LowRank: 0.08, RankWidth: 128, OneDirection: 0.95,
		KNNGain: 0.02, LearningSteps: 100, HighFloor: 0.6, LowFloor: 0.4, HighFloorAlone: 0.8,
		OnePerplexity: 1.5, OneShare: 0.9, UniformInformation: 0.02, UniformEntropy: 0.95, FewRatio: 0.25, FewShare: 0.05, WeakInformation: 0.5,
		Patience: 3, Grace: 0.05, Settled: 0.1, Half: 0.5,
	}
}
