// SPDX-License-Identifier: Apache-2.0

// Package collapse measures what an embedding has lost. An encoder collapses when its rows become one point (complete
// collapse: the mean cosine goes to 1 and the standard deviation to 0) or fill only a few of its dimensions (dimensional
// collapse: the ranks and the participation ratio fall while those two still look healthy). No single number sees both, so
// [Measure] returns them together, and [Diagnose] says what they mean.
//
// What is measured stands in a file for each kind: metrics.go what is measured every time, made of spectrum.go (ranks) and
// correlation.go; sphere.go and dimension.go what compares pairs of rows; lidar.go and classes.go what needs groups of rows;
// assignments.go for methods with prototypes; dynamics.go for predictors and momentum targets.
// reading.go is what Diagnose is given, thresholds.go what it compares with, and diagnose.go the rules, first match first.
//
// All functions of tensors compute in float64, because a collapsed embedding's variances are differences of nearly equal numbers, and
// record nothing for backward. Call them inside torch.Scope. Rows that are not finite end the scope with an error. Diagnose
// takes no tensors and never fails.
package collapse

import (
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/torch"
)

// Metrics describes the rows z_i of an embedding matrix Z of n rows and d columns. Every field but the three raw deviations,
// CovarianceOff and the two spectra is unchanged when Z is multiplied by a positive number; under a rotation every field
// changes that looks at single dimensions: Std, the raw deviations, CovarianceOff, CorrelationOff and Constant.
type Metrics struct {
	Rows int `json:"rows"` // n
	Dims int `json:"dims"` // d

	// Std is √d times the mean over dimensions of the unbiased standard deviation of the l2-normalised rows: 1 when they
	// are isotropic, 0 when they are one point (Chen & He 2021, arXiv:2011.10566, figure 2). It is at most about
	// √(1 - MeanCosine), and cannot see dimensional collapse: rows ±u score 1.
	Std float64 `json:"std"`
	// StdRaw is the mean over dimensions of √(variance + 1e-4) of the rows as they are, which VICReg holds at 1
	// (Bardes et al. 2022, arXiv:2105.04906, equation 1): for methods that do not normalise.
	StdRaw float64 `json:"std_raw"`
	// StdRawMin is the smallest of them.
	StdRawMin float64 `json:"std_raw_min"`
	// StdRawLow is the share of dimensions whose one is below 0.1.
	StdRawLow float64 `json:"std_raw_low"`
	// MeanCosine is the mean cosine between two different rows, in [-1/(n-1), 1]: near 0 when rows spread over the sphere,
	// 1 when they are one point. It is the squared length of the mean of the normalised rows, up to 1/n.
	MeanCosine float64 `json:"mean_cosine"`

	// EffectiveRank is exp of the entropy of the singular values of the column-centred Z (Roy & Vetterli 2007), in
	// [1, min(n, d)], and 0 for rows that are all equal. It is blind to scale: what little spread a collapsed embedding
	// has left may have a high rank.
	EffectiveRank float64 `json:"effective_rank"`
	// RankMe is the same of Z as it is (Garrido et al. 2023, arXiv:2210.02885). A large mean hides the rest from it. 0 for
	// rows of zeros.
	RankMe float64 `json:"rankme"`
	// ParticipationRatio is (Σλ)²/Σλ² of the covariance's eigenvalues λ, in [1, d], and 0 for rows that are all equal. It
	// falls sooner than EffectiveRank when a few directions dominate.
	ParticipationRatio float64 `json:"participation_ratio"`
	// TopShare is λ₁/Σλ, the share of the variance in one direction, in [1/d, 1]; 1 for rows that are all equal.
	TopShare float64 `json:"top_share"`
	// NumericalRank counts the singular values of the column-centred Z above 1e-3 of the largest one; NumericalRankFine
	// those above 1e-6, below which Jing et al. 2022 (arXiv:2110.09348, figure 2) find part of SimCLR's spectrum.
	NumericalRank     int `json:"numerical_rank"`
	NumericalRankFine int `json:"numerical_rank_fine"`
	// ExplainedArea is (1/d) Σ_k of the share of the variance in the k largest directions: just above 0.5 when they are
	// equal, 1 when there is one (Li et al. 2022, ECCV, "Understanding collapse in non-contrastive Siamese representation
	// learning"), and 1 for rows that are all equal.
	ExplainedArea float64 `json:"explained_area"`
	// PowerLaw says how fast the eigenvalues fall; nil when there are too few of them, which are fewer than 14 dimensions.
	PowerLaw *PowerLaw `json:"power_law,omitempty"`

	// CovarianceOff is the covariance's energy off its diagonal, (1/d) Σ_{i≠j} Σ_ij²: VICReg's covariance term.
	CovarianceOff float64 `json:"covariance_off"`
	// CorrelationOff is the mean of |R_ij| over pairs of different dimensions, in [0, 1]: near 1 when all dimensions say
	// the same (Hua et al. 2021, ICCV, "On feature decorrelation in self-supervised learning"). Dimensions whose standard
	// deviation is at most 1e-6 of the largest one have no correlation; Constant counts them. 0 when fewer than two are left.
	CorrelationOff float64 `json:"correlation_off"`
	Constant       int     `json:"constant"`

	// Spectrum holds the min(n, d) singular values of the column-centred Z, largest first.
	Spectrum []float64 `json:"spectrum,omitempty"`
	// SpectrumUncentred holds those of Z as it is.
	SpectrumUncentred []float64 `json:"spectrum_uncentred,omitempty"`
}

// Measure returns the metrics of z (n x d, of any floating type, n and d at least 1). Rows that are all equal, as a single
// row is, are the limit of complete collapse: Std, the ranks, ParticipationRatio and Spectrum are 0, MeanCosine is 1.
//
// The singular values are what costs: of 2,000 rows, on one core of a busy machine, 0.04 s for 128 columns, 0.15 s for 256,
// 0.6 s for 512. Up to 512 rows or columns they are those of the matrix, so that the small ones keep their digits. Beyond,
// they are the roots of the Gram matrix's eigenvalues, which are exact to 1e-8 of the largest one: enough for every other
// field, and 2,000 x 2,048 takes 12 s in place of 36. Measure 500 rows of an embedding that wide every few steps.
func Measure(z torch.Tensor) Metrics {
	var m Metrics
	torch.NoGrad(func() {
		z := rows("Measure", z)
		m.Rows, m.Dims = z.Size(0), z.Size(1)
		n, d := float64(m.Rows), float64(m.Dims)

		centred := z.Sub(z.MeanKeep(0))
		if m.Rows == 1 || centred.Norm().Item() <= roundOff*z.Norm().Item() {
			m.SpectrumUncentred = z.SVDVals().Float64s()
			m.RankMe = entropyRank(m.SpectrumUncentred)
			m.Spectrum = make([]float64, len(m.SpectrumUncentred))
			m.MeanCosine, m.StdRaw, m.StdRawMin, m.StdRawLow = 1, math.Sqrt(varianceFloor), math.Sqrt(varianceFloor), 1
			m.TopShare, m.ExplainedArea, m.Constant = 1, 1, m.Dims
			return
		}
		deviations := centred.Square().Sum(0).Scale(1 / (n - 1)).Shift(varianceFloor).Sqrt().Float64s()
		m.StdRawMin = slices.Min(deviations)
		for _, s := range deviations {
			m.StdRaw += s / d
			if s < lowStd {
				m.StdRawLow += 1 / d
			}
		}

		unit := z.Normalize(1)
		m.Std = math.Sqrt(d) * unit.Var(1, 0).Sqrt().Mean().Item()
		// Σ_{i≠j} ẑ_i·ẑ_j = ‖Σ ẑ_i‖² - Σ ‖ẑ_i‖², without the n² pairs.
		m.MeanCosine = (unit.Sum(0).Square().Sum().Item() - unit.Square().Sum().Item()) / (n * (n - 1))

		m.Spectrum, m.SpectrumUncentred = spectra(z, centred)
		m.EffectiveRank, m.RankMe = entropyRank(m.Spectrum), entropyRank(m.SpectrumUncentred)
		shares := eigenShares(m.Spectrum)
		m.ParticipationRatio, m.TopShare = participation(shares), shares[0]
		m.ExplainedArea = explained(shares, m.Dims)
		m.NumericalRank, m.NumericalRankFine = numericalRank(m.Spectrum, 1e-3), numericalRank(m.Spectrum, 1e-6)
		m.PowerLaw = FitPowerLaw(m.Spectrum, m.Dims)
		m.CovarianceOff, m.CorrelationOff, m.Constant = correlation(centred)
	})
	return m
}

const (
	// roundOff is the relative deviation from the mean below which rows count as equal: float64's rounding in the mean.
	roundOff = 1e-14
	// varianceFloor is VICReg's ε.
	varianceFloor = 1e-4
	// lowStd is the raw deviation below which a dimension counts as low: a tenth of what VICReg holds it at.
	lowStd = 0.1
)

// rows returns z as a float64 matrix without history.
func rows(op string, z torch.Tensor) torch.Tensor {
	shape := z.Shape()
	if len(shape) != 2 || shape[0] < 1 || shape[1] < 1 {
		torch.Fail(op, "an embedding of shape %v where rows of numbers, n x d, are needed", shape)
	}
	z = z.Detach().To(torch.F64)
	if z.IsFinite().Not().To(torch.F64).Max().Item() != 0 {
		torch.Fail(op, "the embedding holds values that are not finite: the network that made it has diverged")
	}
	return z
}
