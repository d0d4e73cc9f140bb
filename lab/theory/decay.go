// SPDX-License-Identifier: Apache-2.0

package theory

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// A Motion is the gradient flow of a linear network W and its linear predictor W_p under BYOL's loss without
// normalising, with weight decay η, inputs of unit variance, and a target of τW:
//
//	Ẇ_p = α G Wᵀ - ηW_p,  Ẇ = W_pᵀ G - ηW,  G = -(1+σ²) W_p W + τW
//
// (mode by mode the paper's equations 11 and 12). With P for W_p, half of d‖W‖²/dt is tr Wᵀ(τ(P+Pᵀ)/2 - (1+σ²)PᵀP -
// η)W, and whatever P is, τ(P+Pᵀ)/2 - (1+σ²)PᵀP is τ²/(4(1+σ²)) less a square: above that decay ‖W‖ goes to 0.
type Motion struct{ Tau, Sigma, Rate float64 } // Sigma is σ², rate is α

const (
	motionDims  = 8
	motionTime  = 400
	motionStep  = 0.1
	motionNoise = 0.05 // of the start, over the entries that it is added to
)

// critical is the decay above which collapse is unavoidable.
func (m Motion) critical() float64 { return m.Tau * m.Tau / (4 * (1 + m.Sigma)) }

// Left is what is left of the network's least and largest singular value under a decay given over the critical one. It
// begins with W_p = τ/(1+σ²), where G = 0, and W/√α a rotation of as much, for αWWᵀ - W_p² goes to 0 whatever else
// happens; both with noise.
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

// Threshold is the least decay that leaves no singular value of the network, over the critical one, found by halving.
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
