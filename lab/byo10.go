// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"
	"math/rand/v2"
)

// What BYO-10 computes, each relative to the variance of the target.
const (
	identityError Metric = "identity.error"    // of the decomposition, the largest over random predictors
	leastLoss     Metric = "identity.increase" // by which the error grows when embeddings are told apart less, the least over random ways
	constantLoss  Metric = "identity.constant" // by which it grows when the embedding is constant
	envelopeError Metric = "identity.gradient" // between the gradient under the best predictor, held still, and that of the least error
)

var byo10 = Experiment{
	ID: "BYO-10", Method: "byol", Switch: "predictor",
	Question: "BYOL's paper argues that a good predictor gives the network no reason to collapse. Is the argument's mathematics right?",
	Claim: "The error of the best predictor is the variance that the embedding leaves in the target, its gradient is that variance's, and an embedding that " +
		"says less, a constant above all, never has the smaller error.",
	Source:   "Grill et al. 2020, arXiv:2006.07733, section 3.2 and appendix H",
	Reported: "an identity: min over q of E‖q(z) - z'‖² = E Σᵢ Var(z'ᵢ | z)",
	Scale:    "Random variables with finitely many values, and for the gradient linear predictors. It holds for a target that stands still and says nothing of where both networks go together.",
	Shows:    []Metric{identityError, leastLoss, constantLoss, envelopeError},
	Expect: []Expectation{
		holds(identityError, 0, 1e-12), holds(leastLoss, -1e-12, 1), holds(constantLoss, 1e-3, 1), holds(envelopeError, 0, 1e-6),
	},
	Closed: conditionalVariance,
}

const (
	outcomes    = 60 // values that embedding and target have together, each with its probability
	embeddings  = 8  // values of the embedding z
	coordinates = 3  // of the target z'
	tries       = 20 // predictors, and ways to merge values of z
)

// conditionalVariance tests BYO-10's identities on random variables.
func conditionalVariance(seed uint64) (Sample, error) {
	r := rand.New(rand.NewPCG(seed, 10))
	p, target := make([]float64, outcomes), make([][coordinates]float64, outcomes)
	z, sum := make([]int, outcomes), 0.0
	for i := range p {
		p[i], z[i] = r.ExpFloat64(), r.IntN(embeddings)
		sum += p[i]
		for c := range target[i] {
			target[i][c] = r.NormFloat64() + float64((z[i]*(c+1))%embeddings)/embeddings
		}
	}
	for i := range p {
		p[i] /= sum
	}
	// squares is E‖a - b‖² of what two functions give for each outcome.
	squares := func(a, b func(i int) [coordinates]float64) (e float64) {
		for i := range p {
			x, y := a(i), b(i)
			for c := range x {
				e += p[i] * (x[c] - y[c]) * (x[c] - y[c])
			}
		}
		return e
	}
	is := func(i int) [coordinates]float64 { return target[i] }
	// mean is E[z' | code of z].
	mean := func(code []int) func(i int) [coordinates]float64 {
		var total [embeddings]float64
		var means [embeddings][coordinates]float64
		for i := range p {
			total[code[z[i]]] += p[i]
			for c := range means[0] {
				means[code[z[i]]][c] += p[i] * target[i][c]
			}
		}
		return func(i int) (m [coordinates]float64) {
			for c := range m {
				m[c] = means[code[z[i]]][c] / total[code[z[i]]]
			}
			return m
		}
	}
	all, none := make([]int, embeddings), make([]int, embeddings)
	for k := range all {
		all[k] = k
	}
	variance, left := squares(mean(none), is), squares(mean(all), is)

	worst, least := 0.0, math.Inf(1)
	for range tries {
		var q [embeddings][coordinates]float64
		merged := make([]int, embeddings)
		for k := range q {
			merged[k] = r.IntN(embeddings / 2)
			for c := range q[k] {
				q[k][c] = r.NormFloat64()
			}
		}
		predict := func(i int) [coordinates]float64 { return q[z[i]] }
		parts := squares(predict, mean(all)) + left
		worst = math.Max(worst, math.Abs(squares(predict, is)-parts)/variance)
		least = math.Min(least, (squares(mean(merged), is)-left)/variance)
	}
	return Sample{Values: map[Metric]float64{
		identityError: worst, leastLoss: least, constantLoss: (variance - left) / variance, envelopeError: envelope(r, p, target) / variance,
	}}, nil
}

// envelope is the largest difference between two gradients by θ of the error of predicting the target from z = θ·x linearly:
// under the best predictor, held still, and of the least error itself, by central differences.
func envelope(r *rand.Rand, p []float64, target [][coordinates]float64) (worst float64) {
	x, theta := make([][coordinates]float64, len(p)), [coordinates]float64{}
	for c := range theta {
		theta[c] = r.NormFloat64()
		for i := range x {
			x[i][c] = r.NormFloat64() + target[i][c]
		}
	}
	// best is the best predictor's slopes, and its error.
	best := func(theta [coordinates]float64) (slope [coordinates]float64, e float64) {
		zz, zt := 0.0, [coordinates]float64{}
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

func dot(a, b [coordinates]float64) (sum float64) {
	for c := range a {
		sum += a[c] * b[c]
	}
	return sum
}
