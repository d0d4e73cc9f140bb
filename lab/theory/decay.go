// SPDX-License-Identifier: Apache-2.0

package theory

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// A Motion is the gradient flow of a linear network W and its linear predictor W_p. The loss is BYOL's without
// normalisation, with weight decay η, inputs of unit variance and the target τW:
//
//	Ẇ_p = α G Wᵀ - ηW_p,  Ẇ = W_pᵀ G - ηW,  G = -(1+σ²) W_p W + τW
//
// For each mode these are equations 11 and 12 of Tian, Chen & Ganguli 2021 (arXiv:2102.06810). With P for W_p, half of
// d‖W‖²/dt is tr Wᵀ(τ(P+Pᵀ)/2 - (1+σ²)PᵀP - η)W. For every P, τ(P+Pᵀ)/2 - (1+σ²)PᵀP is τ²/(4(1+σ²)) minus a square. So
// ‖W‖ goes to 0 when η exceeds τ²/(4(1+σ²)), the critical decay.
type Motion struct{ Tau, Sigma, Rate float64 } // Sigma is σ², Rate is α

const (
	motionDims  = 8
	motionTime  = 400
	motionStep  = 0.1
	motionNoise = 0.05 // noise of the start, relative to the entries that it is added to
)

// critical returns the decay above which collapse is unavoidable.
func (m Motion) critical() float64 { return m.Tau * m.Tau / (4 * (1 + m.Sigma)) }

// Left returns the shares of the network's smallest and largest singular value that are left under a decay, which is
// given relative to the critical one. W_p begins at τ/(1+σ²), where G = 0. W begins at 1/√α times a rotation of that
// size, because αWWᵀ - W_p² always goes to 0. Both begin with noise.
func (m Motion) Left(decay float64, seed uint64) (least, most float64) {
	const d = motionDims
	r := rand.New(rand.NewPCG(seed, 0x647072))
	noise := func() *mat.Dense {
		a := mat.NewDense(d, d, nil)
		for i := range d {
			for k := range d {
				a.Set(i, k, r.NormFloat64())
			}
		}
		return a
	}
	eta, begin := decay*m.critical(), m.Tau/(1+m.Sigma)
	var qr mat.QR
	qr.Factorize(noise())
	var w, q, wp, step mat.Dense
	qr.QTo(&q)
	wp.Scale(motionNoise*begin, noise())
	for i := range d {
		wp.Set(i, i, wp.At(i, i)+begin)
	}
	w.Scale(motionNoise*begin, noise())
	step.Scale(begin, &q)
	w.Add(&w, &step)
	w.Scale(1/math.Sqrt(m.Rate), &w)
	var g, up mat.Dense
	for range int(motionTime / motionStep) {
		g.Mul(&wp, &w)
		g.Scale(-(1 + m.Sigma), &g)
		up.Scale(m.Tau, &w)
		g.Add(&g, &up)
		up.Mul(&g, w.T())
		step.Mul(wp.T(), &g)
		up.Scale(m.Rate*motionStep, &up)
		step.Scale(motionStep, &step)
		wp.Scale(1-eta*motionStep, &wp)
		w.Scale(1-eta*motionStep, &w)
		wp.Add(&wp, &up)
		w.Add(&w, &step)
	}
	var svd mat.SVD
	svd.Factorize(&w, mat.SVDNone)
	values := svd.Values(nil)
	whole := begin / math.Sqrt(m.Rate)
	return values[d-1] / whole, values[0] / whole
}

// Threshold returns the smallest decay that leaves no singular value of the network, relative to the critical one. It
// is found by bisection.
func (m Motion) Threshold(seed uint64) float64 {
	const lost = 0.01
	low, high := 0.5, 1.5
	for range 8 {
		middle := (low + high) / 2
		if _, most := m.Left(middle, seed); most < lost {
			high = middle
		} else {
			low = middle
		}
	}
	return (low + high) / 2
}
