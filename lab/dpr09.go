// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

var dpr09 = Experiment{
	ID: "DPR-09", Method: "byol", Switch: "optimiser",
	Question: "Can weight decay alone make BYOL collapse?",
	Claim:    "A linear network collapses whatever it begins with when weight decay is above τ²/(4(1+σ²)), σ² the variance that augmentation adds and τ the size of the target over the network's; below that it need not.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, observation 5, and assumptions 1 to 3",
	Reported: "a theorem without numbers, of a symmetric predictor that shares its eigenvectors with E[zzᵀ]",
	Scale: "Computed from the paper's equations of motion, without images: 8 dimensions, a predictor that is not quite symmetric and shares no eigenvectors. The network begins where " +
		"it would stay without decay, from which collapse is farthest, and is given up for lost when a hundredth of it is left.",
	Shows:  []Metric{leastThreshold, mostThreshold, leftBelow, leftAbove},
	Expect: []Expectation{holds(leastThreshold, 0.98, 1.02), holds(mostThreshold, 0.98, 1.02), holds(leftBelow, 0.5, 1), holds(leftAbove, 0, 0.001)},
	Closed: remembered(func(seed uint64) (Sample, error) {
		v := map[Metric]float64{leastThreshold: math.Inf(1), leftBelow: math.Inf(1)}
		for _, m := range []motion{{tau: 1, sigma: 0.1, rate: 1}, {tau: 1, sigma: 1, rate: 3}, {tau: 0.7, sigma: 0.3, rate: 0.5}} {
			found := m.threshold(seed)
			v[leastThreshold], v[mostThreshold] = math.Min(v[leastThreshold], found), math.Max(v[mostThreshold], found)
			least, _ := m.left(0.8, seed)
			_, most := m.left(1.2, seed)
			v[leftBelow], v[leftAbove] = math.Min(v[leftBelow], least), math.Max(v[leftAbove], most)
		}
		return Sample{Values: v}, nil
	}),
}

// Of three settings of τ, σ² and the predictor's rate: the decay from which on nothing is left, over τ²/(4(1+σ²)), and what is
// left of the network's singular values at 0.8 and at 1.2 of that.
const (
	leastThreshold Metric = "threshold.least"
	mostThreshold  Metric = "threshold.most"
	leftBelow      Metric = "decay below the threshold.left"
	leftAbove      Metric = "decay above the threshold.left"
)

// A motion is the gradient flow of a linear network W and its linear predictor W_p under BYOL's loss without normalising, with
// weight decay η, inputs of unit variance, and a target of τW:
//
//	Ẇ_p = α G Wᵀ - ηW_p,  Ẇ = W_pᵀ G - ηW,  G = -(1+σ²) W_p W + τW
//
// (mode by mode the paper's equations 11 and 12). With P for W_p, half of d‖W‖²/dt is tr Wᵀ(τ(P+Pᵀ)/2 - (1+σ²)PᵀP - η)W, and whatever P is,
// τ(P+Pᵀ)/2 - (1+σ²)PᵀP is τ²/(4(1+σ²)) less a square: above that decay ‖W‖ goes to 0.
type motion struct{ tau, sigma, rate float64 } // sigma is σ², rate is α

const (
	motionDims  = 8
	motionTime  = 400
	motionStep  = 0.1
	motionNoise = 0.05 // of the start, over the entries that it is added to
)

// critical is the decay above which collapse is unavoidable.
func (m motion) critical() float64 { return m.tau * m.tau / (4 * (1 + m.sigma)) }

// left is what is left of the network's least and largest singular value under a decay given over the critical one. It begins with
// W_p = τ/(1+σ²), where G = 0, and W/√α a rotation of as much, for αWWᵀ - W_p² goes to 0 whatever else happens; both with noise.
func (m motion) left(decay float64, seed uint64) (least, most float64) {
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
	eta, begin := decay*m.critical(), m.tau/(1+m.sigma)
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
	w.Scale(1/math.Sqrt(m.rate), &w)
	var g, up mat.Dense
	for range int(motionTime / motionStep) {
		g.Mul(&wp, &w)
		g.Scale(-(1 + m.sigma), &g)
		up.Scale(m.tau, &w)
		g.Add(&g, &up)
		up.Mul(&g, w.T())
		step.Mul(wp.T(), &g)
		up.Scale(m.rate*motionStep, &up)
		step.Scale(motionStep, &step)
		wp.Scale(1-eta*motionStep, &wp)
		w.Scale(1-eta*motionStep, &w)
		wp.Add(&wp, &up)
		w.Add(&w, &step)
	}
	var svd mat.SVD
	svd.Factorize(&w, mat.SVDNone)
	values := svd.Values(nil)
	whole := begin / math.Sqrt(m.rate)
	return values[d-1] / whole, values[0] / whole
}

// threshold is the least decay that leaves no singular value of the network, over the critical one, found by halving.
func (m motion) threshold(seed uint64) float64 {
	const lost = 0.01
	low, high := 0.5, 1.5
	for range 8 {
		middle := (low + high) / 2
		if _, most := m.left(middle, seed); most < lost {
			high = middle
		} else {
			low = middle
		}
	}
	return (low + high) / 2
}
