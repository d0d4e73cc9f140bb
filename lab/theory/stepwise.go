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
	stepRatio   = 1.5 // of the variance of one input to the next one's
	stepNoise   = 0.5 // variance that augmentation adds, as a share of the input's
	stepRate    = 0.03
	stepNumber  = 2000 // of gradient descent: twice as many as the sixth dimension takes from small weights
)

// The simplified Barlow Twins of Simon et al.: without standardising features, and with on- and off-diagonal weighted
// alike,
//
//	L = ‖C - I‖²_F  with  C = (1/2n) Σᵢ f(xᵢ)f(x'ᵢ)ᵀ + f(x'ᵢ)f(xᵢ)ᵀ = WΓWᵀ  for f(x) = Wx,
//
// where Γ is the same of the views themselves. Since Γ is symmetric, dL = 4 tr(ΓWᵀ(C-I) dW): the gradient is 4(C-I)WΓ.
// A direction of Γ with the eigenvalue γ that W sees alone has λ = γ|Wv|² in C, with dλ/dt = 8γλ(1-λ): from a small λ₀
// it is half learnt at t = ln(1/λ₀ - 1)/8γ.
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

// stepCorrelation is C = WΓWᵀ.
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

// Steps are what came of a training.
type Steps struct {
	Gamma  []float64 // Γ's eigenvalues, largest first
	Times  []float64 // the step at which γ|Wv|² of each has come to a half, NaN when it has not
	AtOnce float64   // the most eigenvalues of C between 0.1 and 0.9 at once
}

// Beyond counts the directions that were learnt although the embedding has no room for them: all but the largest.
func (s Steps) Beyond() float64 {
	return float64(stepInputs - StepOutputs - count(s.Times[StepOutputs:], math.IsNaN))
}

// Stepwise trains a linear network that begins with weights of that scale.
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

// eigen are the eigenvalues of a symmetric matrix, largest first, and the vectors of each as columns.
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

// count is how many of the values are so.
func count(values []float64, so func(float64) bool) (n int) {
	for _, v := range values {
		if so(v) {
			n++
		}
	}
	return n
}
