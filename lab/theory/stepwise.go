// SPDX-License-Identifier: Apache-2.0

package theory

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
)

const (
	stepInputs  = 12
	StepOutputs = 6
	stepImages  = 1000
	stepRatio   = 1.5 // ratio of the variances of one input and the next
	stepNoise   = 0.5 // variance that augmentation adds, relative to the input's
	stepRate    = 0.03
	stepNumber  = 2000 // steps of gradient descent: twice as many as the sixth dimension takes from small weights
)

// stepGradient returns the gradient of the simplified Barlow Twins loss of Simon et al. 2023 (arXiv:2303.15438).
// Features are not standardised, and diagonal and off-diagonal elements have the same weight:
//
//	L = ‖C - I‖²_F  with  C = (1/2n) Σᵢ f(xᵢ)f(x'ᵢ)ᵀ + f(x'ᵢ)f(xᵢ)ᵀ = WΓWᵀ  for f(x) = Wx,
//
// where Γ is the same matrix for the views themselves. Γ is symmetric, so dL = 4 tr(ΓWᵀ(C-I) dW), and the gradient is
// 4(C-I)WΓ. If W sees only a direction v of Γ with the eigenvalue γ, C has the eigenvalue λ = γ|Wv|², and dλ/dt =
// 8γλ(1-λ). From a small λ₀, the direction is half learnt at t = ln(1/λ₀ - 1)/8γ.
func stepGradient(w, gamma *mat.Dense) *mat.Dense {
	off := stepCorrelation(w, gamma)
	for k := range StepOutputs {
		off.Set(k, k, off.At(k, k)-1)
	}
	var seen, g mat.Dense
	seen.Mul(w, gamma)
	g.Mul(off, &seen)
	g.Scale(4, &g)
	return &g
}

// stepCorrelation returns C = WΓWᵀ.
func stepCorrelation(w, gamma *mat.Dense) *mat.Dense {
	var seen, c mat.Dense
	seen.Mul(w, gamma)
	c.Mul(&seen, w.T())
	return &c
}

// stepViews draws two views of images and returns Γ.
func stepViews(r *rand.Rand) *mat.Dense {
	var views [2]*mat.Dense
	for v := range views {
		views[v] = mat.NewDense(stepImages, stepInputs, nil)
	}
	for i := range stepImages {
		for k := range stepInputs {
			x, scale := r.NormFloat64(), math.Pow(stepRatio, -float64(k)/2)
			for _, view := range views {
				view.Set(i, k, scale*(x+math.Sqrt(stepNoise)*r.NormFloat64()))
			}
		}
	}
	var cross, gamma mat.Dense
	cross.Mul(views[0].T(), views[1])
	gamma.Add(&cross, cross.T())
	gamma.Scale(1/(2.*stepImages), &gamma)
	return &gamma
}

// Steps is the result of a training.
type Steps struct {
	Gamma  []float64 // Γ's eigenvalues, largest first
	Times  []float64 // for each of them, the step at which γ|Wv|² has reached a half; NaN if it has not
	AtOnce float64   // the largest number of eigenvalues of C that were between 0.1 and 0.9 at the same time
}

// Beyond counts the directions that were learnt although the embedding has room only for the largest.
func (s Steps) Beyond() float64 {
	return float64(stepInputs - StepOutputs - count(s.Times[StepOutputs:], math.IsNaN))
}

// Stepwise trains a linear network from random weights of the given scale.
func Stepwise(scale float64, seed uint64) Steps {
	r := rand.New(rand.NewPCG(seed, 0x737470))
	gamma := stepViews(r)
	values, vectors := eigen(gamma)
	s := Steps{Gamma: values, Times: slices.Repeat([]float64{math.NaN()}, stepInputs)}
	w := mat.NewDense(StepOutputs, stepInputs, nil)
	for i := range StepOutputs {
		for k := range stepInputs {
			w.Set(i, k, scale*r.NormFloat64()/math.Sqrt(stepInputs))
		}
	}
	for step := range stepNumber {
		learnt, _ := eigen(stepCorrelation(w, gamma))
		s.AtOnce = max(s.AtOnce, float64(count(learnt, func(v float64) bool { return 0.1 < v && v < 0.9 })))
		var along mat.Dense
		along.Mul(w, vectors)
		for j := range s.Times {
			length := mat.Norm(along.ColView(j), 2)
			if math.IsNaN(s.Times[j]) && values[j]*length*length >= 0.5 {
				s.Times[j] = float64(step)
			}
		}
		g := stepGradient(w, gamma)
		g.Scale(-stepRate, g)
		w.Add(w, g)
	}
	return s
}

// eigen returns the eigenvalues of a symmetric matrix, largest first, and their eigenvectors as columns.
func eigen(a *mat.Dense) ([]float64, *mat.Dense) {
	n, _ := a.Dims()
	var e mat.EigenSym
	e.Factorize(mat.NewSymDense(n, a.RawMatrix().Data), true)
	var v mat.Dense
	e.VectorsTo(&v)
	values, vectors := e.Values(nil), mat.NewDense(n, n, nil)
	slices.Reverse(values)
	for j := range n {
		vectors.SetCol(j, mat.Col(nil, n-1-j, &v))
	}
	return values, vectors
}

// count returns the number of values for which so is true.
func count(values []float64, so func(float64) bool) (n int) {
	for _, v := range values {
		if so(v) {
			n++
		}
	}
	return n
}
