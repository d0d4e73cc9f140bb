// SPDX-License-Identifier: Apache-2.0

package collapse

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/parallax-ssl/parallax/torch"
)

// LossFloor returns how much of the way from its first value to that of a constant embedding a loss has still to go: 1 at the
// start, 0 where a constant embedding is, and negative beyond. trivial is what the loss is for a constant embedding: -1 for
// SimSiam's cosine, 0 for BYOL's. A loss near its trivial value is half of a verdict of collapse; where the embedding is, the
// other. Absent when the loss began at the trivial value already, within 1e-3 of its size or of 1, or a number is not finite.
func LossFloor(loss, first, trivial float64) Number {
	if !finite(loss) || !finite(first) || !finite(trivial) || math.Abs(first-trivial) <= 1e-3*math.Max(1, math.Abs(trivial)) {
		return Number{}
	}
	if floor := (loss - trivial) / (first - trivial); finite(floor) {
		return Num(floor)
	}
	return Number{}
}

// TargetGap returns ‖θ - ξ‖/‖θ‖ over all parameters θ of an online network and ξ of its momentum target, in the same order
// and shapes: 0 for a copy. A gap of 0 with embeddings that agree ([Alignment] near 0) and a mean cosine near 1 is a loss that
// was solved trivially. 0 when θ is 0.
func TargetGap(online, target []torch.Tensor) float64 {
	gap := 0.0
	torch.NoGrad(func() {
		if len(online) != len(target) {
			torch.Fail("TargetGap", "%d parameters and %d of the target", len(online), len(target))
		}
		var difference, size float64
		for i := range online {
			if !slices.Equal(online[i].Shape(), target[i].Shape()) {
				torch.Fail("TargetGap", "parameter %d has shape %v and the target's %v", i, online[i].Shape(), target[i].Shape())
			}
			a, b := online[i].Detach().To(torch.F64), target[i].Detach().To(torch.F64)
			difference += a.Sub(b).Square().Sum().Item()
			size += a.Square().Sum().Item()
		}
		if size > 0 {
			gap = math.Sqrt(difference / size)
		}
	})
	return gap
}

// PredictorAlignment says how a linear predictor W lies to the correlation matrix F = E[zzᵀ] of its inputs, whose eigenvectors
// u_j it comes to share in training (Tian, Chen & Ganguli 2021, arXiv:2102.06810, theorem 3). F is not centred: the paper
// finds that it must not be.
type PredictorAlignment struct {
	Commutator float64   // ‖FW - WF‖/(‖F‖‖W‖) in Frobenius norms, 0 to √2: 0 when F and W share their eigenvectors, if W is symmetric
	Cosines    []float64 // cos(u_j, W u_j) for the ten largest eigenvalues of F, largest first: 1 when u_j is W's, too
	// Spectrum is Spearman's rank correlation of u_jᵀ W u_j with √s_j over all eigenvalues s_j of F, in [-1, 1]: DirectPred
	// sets the former from the latter. Absent when one of the two does not vary.
	Spectrum Number
}

// MeanCosine is the mean of the cosines.
func (a PredictorAlignment) MeanCosine() float64 {
	sum := 0.0
	for _, c := range a.Cosines {
		sum += c
	}
	return sum / float64(len(a.Cosines))
}

// alignedDirections is how many eigenvectors PredictorAlignment compares.
const alignedDirections = 10

// AlignPredictor returns how weight (d x d, acting on columns as in p = W z, without bias) lies to the rows z (n x d) that it is
// given.
func AlignPredictor(z, weight torch.Tensor) PredictorAlignment {
	var a PredictorAlignment
	torch.NoGrad(func() {
		z, w := rows("AlignPredictor", z), rows("AlignPredictor", weight)
		d := z.Size(1)
		if w.Size(0) != d || w.Size(1) != d {
			torch.Fail("AlignPredictor", "a weight of shape %v for rows of %d numbers: only a predictor that is one square matrix has a commutator", w.Shape(), d)
		}
		f := z.T().MatMul(z).Scale(1 / float64(z.Size(0)))
		if size := f.Norm().Item() * w.Norm().Item(); size > 0 {
			a.Commutator = f.MatMul(w).Sub(w.MatMul(f)).Norm().Item() / size
		}
		values, u := f.EigH() // smallest first
		image := w.MatMul(u)
		along := u.Mul(image).Sum(0) // u_jᵀ W u_j
		gains, lengths, roots := along.Float64s(), image.Square().Sum(0).Sqrt().Float64s(), values.Clamp(0, math.Inf(1)).Sqrt().Float64s()
		for j := d - 1; j >= max(0, d-alignedDirections); j-- {
			cosine := 0.0
			if lengths[j] > 0 {
				cosine = gains[j] / lengths[j]
			}
			a.Cosines = append(a.Cosines, cosine)
		}
		if r := Spearman(gains, roots); finite(r) {
			a.Spectrum = Num(r)
		}
	})
	return a
}

// ranks returns the rank of every value, from 0; equal values share the mean of theirs.
func ranks(v []float64) []float64 {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case v[a] < v[b]:
			return -1
		case v[a] > v[b]:
			return 1
		}
		return 0
	})
	out := make([]float64, len(v))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && v[order[j]] == v[order[i]] {
			j++
		}
		for _, at := range order[i:j] {
			out[at] = float64(i+j-1) / 2
		}
		i = j
	}
	return out
}

// eigen returns the eigenvectors and eigenvalues of a symmetric matrix, largest first.
func eigen(m torch.Tensor) (vectors [][]float64, values []float64) {
	d := m.Size(0)
	var e mat.EigenSym
	if !e.Factorize(mat.NewSymDense(d, m.Float64s()), true) {
		torch.Fail("eigen", "the eigenvectors of a %d x %d matrix did not converge", d, d)
	}
	var v mat.Dense
	e.VectorsTo(&v)
	values = e.Values(nil) // smallest first
	slices.Reverse(values)
	vectors = make([][]float64, d)
	for k := range vectors {
		vectors[k] = mat.Col(nil, d-1-k, &v)
	}
	return vectors, values
}
