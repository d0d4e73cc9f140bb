// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/internal/number"
	"github.com/parallax-ssl/parallax/torch"
)

// PredictorAlignment compares a linear predictor W with the correlation matrix F = E[zzᵀ] of its inputs. In training, W
// comes to share the eigenvectors u_j of F (Tian, Chen & Ganguli 2021, arXiv:2102.06810, theorem 3). F is not centred:
// the paper finds that it must not be.
type PredictorAlignment struct {
	// Commutator is ‖FW - WF‖/(‖F‖‖W‖) in Frobenius norms, 0 to √2. If W is symmetric, 0 means that F and W share their
	// eigenvectors.
	Commutator float64
	// Cosines are cos(u_j, W u_j) for the ten largest eigenvalues of F, largest first. A cosine is 1 when u_j is also
	// an eigenvector of W.
	Cosines []float64
	// Spectrum is Spearman's rank correlation, in [-1, 1], of u_jᵀ W u_j with √s_j over all eigenvalues s_j of F.
	// DirectPred sets u_jᵀ W u_j from √s_j. Spectrum is absent when one of the two does not vary.
	Spectrum collapse.Number
}

// MeanCosine returns the mean of the cosines.
func (a PredictorAlignment) MeanCosine() float64 {
	sum := 0.0
	for _, c := range a.Cosines {
		sum += c
	}
	return sum / float64(len(a.Cosines))
}

// alignedDirections is the number of eigenvectors that PredictorAlignment compares.
const alignedDirections = 10

// AlignPredictor compares a predictor's weight (d x d, acting on columns as in p = W z, without bias) with the rows z
// (n x d) that are its inputs.
func AlignPredictor(z, weight torch.Tensor) PredictorAlignment {
	var a PredictorAlignment
	torch.NoGrad(func() {
		z, w := rows("AlignPredictor", z), rows("AlignPredictor", weight)
		d := z.Size(1)
		if w.Size(0) != d || w.Size(1) != d {
			torch.Fail("AlignPredictor", "a weight of shape %v for rows of %d numbers: the predictor must be one "+
				"square matrix", w.Shape(), d)
		}
		f := z.T().MatMul(z).Scale(1 / float64(z.Size(0)))
		if size := f.Norm().Item() * w.Norm().Item(); size > 0 {
			a.Commutator = f.MatMul(w).Sub(w.MatMul(f)).Norm().Item() / size
		}
		values, u := f.EigH() // smallest first
		image := w.MatMul(u)
		along := u.Mul(image).Sum(0) // u_jᵀ W u_j
		gains, lengths := along.Float64s(), image.Square().Sum(0).Sqrt().Float64s()
		roots := values.Clamp(0, math.Inf(1)).Sqrt().Float64s()
		for j := d - 1; j >= max(0, d-alignedDirections); j-- {
			cosine := 0.0
			if lengths[j] > 0 {
				cosine = gains[j] / lengths[j]
			}
			a.Cosines = append(a.Cosines, cosine)
		}
		a.Spectrum = number.OrAbsent(collapse.Spearman(gains, roots))
	})
	return a
}
