// SPDX-License-Identifier: Apache-2.0

package theory

import (
	"math"
	"math/rand/v2"
)

const (
	outcomeCount = 60 // joint values of embedding and target, each with its probability
	codeCount    = 8  // values of the embedding z
	targetDims   = 3  // dimensions of the target z'
	trialCount   = 20 // random predictors, and random ways to merge values of z
)

// A Decomposition tests the identity of Grill et al. 2020, arXiv:2006.07733, appendix H,
//
//	min over q of E‖q(z) - z'‖² = E Σᵢ Var(z'ᵢ | z),
//
// on random variables z and z' with finitely many values. All numbers are relative to the variance of z'.
type Decomposition struct {
	Error    float64 // largest error of the identity for a given predictor, over random predictors
	Increase float64 // smallest increase of the prediction error when values of z are merged, over random ways to merge
	Constant float64 // increase of the prediction error when z is constant
	Gradient float64 // difference between the gradients under the fixed best predictor and of the smallest error
}

// ConditionalVariance draws random variables and tests the identity on them.
func ConditionalVariance(seed uint64) Decomposition {
	r := rand.New(rand.NewPCG(seed, 10))
	p, target := make([]float64, outcomeCount), make([][targetDims]float64, outcomeCount)
	z, sum := make([]int, outcomeCount), 0.0
	for i := range p {
		p[i], z[i] = r.ExpFloat64(), r.IntN(codeCount)
		sum += p[i]
		for c := range target[i] {
			target[i][c] = r.NormFloat64() + float64((z[i]*(c+1))%codeCount)/codeCount
		}
	}
	for i := range p {
		p[i] /= sum
	}
	// squares returns E‖a - b‖² for two functions of the outcome.
	squares := func(a, b func(i int) [targetDims]float64) (e float64) {
		for i := range p {
			x, y := a(i), b(i)
			for c := range x {
				e += p[i] * (x[c] - y[c]) * (x[c] - y[c])
			}
		}
		return e
	}
	is := func(i int) [targetDims]float64 { return target[i] }
	// mean returns E[z' | code of z].
	mean := func(code []int) func(i int) [targetDims]float64 {
		var total [codeCount]float64
		var means [codeCount][targetDims]float64
		for i := range p {
			total[code[z[i]]] += p[i]
			for c := range means[0] {
				means[code[z[i]]][c] += p[i] * target[i][c]
			}
		}
		return func(i int) (m [targetDims]float64) {
			for c := range m {
				m[c] = means[code[z[i]]][c] / total[code[z[i]]]
			}
			return m
		}
	}
	all, none := make([]int, codeCount), make([]int, codeCount)
	for k := range all {
		all[k] = k
	}
	variance, left := squares(mean(none), is), squares(mean(all), is)

	worst, least := 0.0, math.Inf(1)
	for range trialCount {
		var q [codeCount][targetDims]float64
		merged := make([]int, codeCount)
		for k := range q {
			merged[k] = r.IntN(codeCount / 2)
			for c := range q[k] {
				q[k][c] = r.NormFloat64()
			}
		}
		predict := func(i int) [targetDims]float64 { return q[z[i]] }
		parts := squares(predict, mean(all)) + left
		worst = math.Max(worst, math.Abs(squares(predict, is)-parts)/variance)
		least = math.Min(least, (squares(mean(merged), is)-left)/variance)
	}
	return Decomposition{
		Error: worst, Increase: least, Constant: (variance - left) / variance,
		Gradient: envelope(r, p, target) / variance,
	}
}

// envelope compares two gradients in θ of the error of predicting the target linearly from z = θ·x: that under the best
// predictor, which is held fixed, and that of the smallest error itself, by central differences. It returns the largest
// difference.
func envelope(r *rand.Rand, p []float64, target [][targetDims]float64) (worst float64) {
	x, theta := make([][targetDims]float64, len(p)), [targetDims]float64{}
	for c := range theta {
		theta[c] = r.NormFloat64()
		for i := range x {
			x[i][c] = r.NormFloat64() + target[i][c]
		}
	}
	// best returns the slopes and the error of the best predictor.
	best := func(theta [targetDims]float64) (slope [targetDims]float64, e float64) {
		zz, zt := 0.0, [targetDims]float64{}
		for i := range x {
			z := dot(theta, x[i])
			zz += p[i] * z * z
			for c := range zt {
				zt[c] += p[i] * z * target[i][c]
			}
			e += p[i] * dot(target[i], target[i])
		}
		for c := range slope {
			slope[c] = zt[c] / zz
		}
		return slope, e - dot(zt, zt)/zz
	}
	const step = 1e-5
	slope, _ := best(theta)
	for k := range theta {
		up, down := theta, theta
		up[k] += step
		down[k] -= step
		_, above := best(up)
		_, below := best(down)
		held := 0.0
		for i := range x {
			for c := range slope {
				held += 2 * p[i] * (slope[c]*dot(theta, x[i]) - target[i][c]) * slope[c] * x[i][k]
			}
		}
		worst = math.Max(worst, math.Abs(held-(above-below)/(2*step)))
	}
	return worst
}

func dot(a, b [targetDims]float64) (sum float64) {
	for c := range a {
		sum += a[c] * b[c]
	}
	return sum
}
