// SPDX-License-Identifier: Apache-2.0

// Package measure measures embeddings, assignments to clusters and predictors with libtorch. Package collapse defines
// and judges the numbers.
//
// Each file measures one kind of thing. embedding.go, with spectrum.go (ranks) and correlation.go, has the metrics of
// every evaluation. sphere.go and hubness.go compare pairs of rows, lidar.go several views of each image.
// assignments.go is for methods with prototypes, predictor.go and gradient.go for predictors. plane.go gives the points
// of pictures.
//
// All functions but [GradientRatio] compute in float64, because a collapsed embedding's variances are differences of
// nearly equal numbers, and record nothing for backward. Call them inside torch.Scope. Rows that are not finite end the
// scope with an error.
package measure

import (
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/torch"
)

// Embedding returns the metrics of z (n x d, of any floating type, n and d at least 1). Rows that are all equal, such
// as a single row, are the limit of complete collapse: Std, the ranks, ParticipationRatio and Spectrum are 0, and
// MeanCosine is 1.
//
// The singular values take most of the time. With 2,000 rows, on one core of a busy machine, they take 0.04 s for 128
// columns, 0.15 s for 256 and 0.6 s for 512. Up to 512 rows or columns they are computed from the matrix itself, so
// that small ones keep their digits. Beyond that, they are the roots of the Gram matrix's eigenvalues. These are exact
// to 1e-8 of the largest one, which is enough for every other field, and 2,000 x 2,048 takes 12 s instead of 36. To
// measure such a wide embedding every few steps, pass only 500 rows.
func Embedding(z torch.Tensor) collapse.Metrics {
	var m collapse.Metrics
	torch.NoGrad(func() {
		z := rows("Embedding", z)
		m.Rows, m.Dims = z.Size(0), z.Size(1)
		n, d := float64(m.Rows), float64(m.Dims)

		centred := z.Sub(z.MeanKeep(0))
		if m.Rows == 1 || centred.Norm().Item() <= roundOff*z.Norm().Item() {
			m.SpectrumUncentred = z.SVDVals().Float64s()
			m.RankMe = collapse.EntropyRank(m.SpectrumUncentred, collapse.RankEpsilon)
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

		m.SetSpectra(spectra(z, centred))
		m.CovarianceOff, m.CorrelationOff, m.Constant = correlation(centred)
	})
	return m
}

const (
	// roundOff is the relative deviation from the mean up to which rows count as equal, because the mean is rounded.
	roundOff = 1e-14
	// varianceFloor is VICReg's ε.
	varianceFloor = 1e-4
	// lowStd is the raw deviation below which a dimension counts as low: a tenth of VICReg's target.
	lowStd = 0.1
)

// rows returns z as a float64 matrix, detached from its graph.
func rows(op string, z torch.Tensor) torch.Tensor {
	shape := z.Shape()
	if len(shape) != 2 || shape[0] < 1 || shape[1] < 1 {
		torch.Fail(op, "an embedding of shape %v: it must have n rows of d numbers, n x d", shape)
	}
	z = z.Detach().To(torch.F64)
	if z.IsFinite().Not().To(torch.F64).Max().Item() != 0 {
		torch.FailNonFinite(op, "the embedding has values that are not finite: its network has diverged")
	}
	return z
}
