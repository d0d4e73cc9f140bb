// SPDX-License-Identifier: Apache-2.0

package collapse

// Metrics describes an embedding matrix Z of n rows z_i and d columns. Multiplying Z by a positive number changes only
// the three raw deviations, CovarianceOff and the two spectra. Rotating Z changes only the fields that look at single
// dimensions: Std, the raw deviations, CovarianceOff, CorrelationOff and Constant.
type Metrics struct {
	Rows int `json:"rows"` // n
	Dims int `json:"dims"` // d

	// Std is √d times the mean over dimensions of the unbiased standard deviation of the l2-normalised rows: 1 when
	// they are isotropic, 0 when they are one point (Chen & He 2021, arXiv:2011.10566, figure 2). It is at most about
	// √(1 - MeanCosine), and cannot see dimensional collapse: rows ±u score 1.
	Std float64 `json:"std"`
	// StdRaw is the mean over dimensions of √(variance + 1e-4) of the rows without normalisation. VICReg holds it at 1
	// (Bardes et al. 2022, arXiv:2105.04906, equation 1). It is meant for methods that do not normalise.
	StdRaw float64 `json:"std_raw"`
	// StdRawMin is the smallest √(variance + 1e-4) of any dimension.
	StdRawMin float64 `json:"std_raw_min"`
	// StdRawLow is the share of dimensions whose √(variance + 1e-4) is below 0.1.
	StdRawLow float64 `json:"std_raw_low"`
	// MeanCosine is the mean cosine between two different rows, in [-1/(n-1), 1]: near 0 when rows spread over the
	// sphere, 1 when they are one point. It is the squared length of the mean of the normalised rows, up to 1/n.
	MeanCosine float64 `json:"mean_cosine"`

	// EffectiveRank is exp of the entropy of the singular values of the column-centred Z (Roy & Vetterli 2007), in [1,
	// min(n, d)], and 0 for rows that are all equal. It ignores scale: the little spread that is left of a collapsed
	// embedding may have a high rank.
	EffectiveRank float64 `json:"effective_rank"`
	// RankMe is the effective rank of Z without centring (Garrido et al. 2023, arXiv:2210.02885). A large mean hides
	// the other directions from it. It is 0 for rows of zeros.
	RankMe float64 `json:"rankme"`
	// ParticipationRatio is (Σλ)²/Σλ² of the covariance's eigenvalues λ, in [1, d], and 0 for rows that are all equal.
	// It falls sooner than EffectiveRank when a few directions dominate.
	ParticipationRatio float64 `json:"participation_ratio"`
	// TopShare is λ₁/Σλ, the share of the variance in the largest direction, in [1/d, 1]; 1 for rows that are all
	// equal.
	TopShare float64 `json:"top_share"`
	// NumericalRank counts the singular values of the column-centred Z above 1e-3 of the largest one. NumericalRankFine
	// counts those above 1e-6: Jing et al. 2022 (arXiv:2110.09348, figure 2) find part of SimCLR's spectrum below that.
	NumericalRank     int `json:"numerical_rank"`
	NumericalRankFine int `json:"numerical_rank_fine"`
	// ExplainedArea is the mean, over k = 1 ... d, of the share of the variance in the k largest directions: just above
	// 0.5 when all directions are equal, 1 when there is only one (Li et al. 2022, ECCV, "Understanding collapse in
	// non-contrastive Siamese representation learning"), and 1 for rows that are all equal.
	ExplainedArea float64 `json:"explained_area"`
	// PowerLaw says how fast the eigenvalues fall; nil when there are too few of them, as always below 14 dimensions.
	PowerLaw *PowerLaw `json:"power_law,omitempty"`

	// CovarianceOff is the covariance's energy off its diagonal, (1/d) Σ_{i≠j} Σ_ij²: VICReg's covariance term.
	CovarianceOff float64 `json:"covariance_off"`
	// CorrelationOff is the mean of |R_ij| over pairs of different dimensions, in [0, 1]: near 1 when all dimensions
	// say the same (Hua et al. 2021, ICCV, "On feature decorrelation in self-supervised learning"). Dimensions whose
	// standard deviation is at most 1e-6 of the largest one are left out; Constant counts them. CorrelationOff is 0
	// when fewer than two are left.
	CorrelationOff float64 `json:"correlation_off"`
	Constant       int     `json:"constant"`

	// Spectrum holds the min(n, d) singular values of the column-centred Z, largest first.
	Spectrum []float64 `json:"spectrum,omitempty"`
	// SpectrumUncentred holds the singular values of Z without centring, largest first.
	SpectrumUncentred []float64 `json:"spectrum_uncentred,omitempty"`
}

// SetSpectra sets the singular values of the rows with centring and without, each largest first, and the fields that
// follow from them. Dims must be set, and the rows must not be all equal.
func (m *Metrics) SetSpectra(centred, uncentred []float64) {
	m.Spectrum, m.SpectrumUncentred = centred, uncentred
	m.EffectiveRank, m.RankMe = EntropyRank(m.Spectrum, RankEpsilon), EntropyRank(m.SpectrumUncentred, RankEpsilon)
	shares := eigenShares(m.Spectrum)
	m.ParticipationRatio, m.TopShare = participation(shares), shares[0]
	m.ExplainedArea = explained(shares, m.Dims)
	m.NumericalRank, m.NumericalRankFine = numericalRank(m.Spectrum, 1e-3), numericalRank(m.Spectrum, 1e-6)
	m.PowerLaw = FitPowerLaw(m.Spectrum, m.Dims)
}
