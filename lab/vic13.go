// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"
	"math/rand/v2"
)

var vic13 = Experiment{
	ID: "VIC-13", Method: "vicreg", Switch: "variance and covariance",
	Question: "Why does VICReg hold up the standard deviation, and not the variance?",
	Claim:    "Near collapse the slope of a hinge on the variance vanishes with the distance from the mean, and that of one on the standard deviation does not, so only the latter pushes embeddings apart again.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, section 4.1",
	Reported: "an argument, no number",
	Scale:    "Computed on free embeddings with the invariance and the variance term at 25 each, without images or a network. With the variance they recover in the end, too, because what drives them grows with them.",
	Shows:    []Metric{recoverySlower1, recoverySlower10, slopeWeaker1, slopeWeaker10},
	Expect: []Expectation{
		holds(slopeWeaker10, 3, 10), holds(slopeWeaker1, 10, 100),
		holds(recoverySteps1, 1, 100), holds(recoverySlower10, 1.5, 10), holds(recoverySlower1, 2, 100),
	},
	Closed: remembered(func(seed uint64) (Sample, error) {
		s := Sample{Values: map[Metric]float64{}}
		for _, c := range []struct {
			std            float64
			slower, weaker Metric
		}{{0.1, recoverySlower10, slopeWeaker10}, {0.01, recoverySlower1, slopeWeaker1}} {
			slope, steps := recovery(c.std, false, seed)
			weak, more := recovery(c.std, true, seed)
			s.Values[c.slower], s.Values[c.weaker] = more/steps, slope/weak
			if c.std == 0.01 {
				s.Values[recoverySteps1] = steps
			}
		}
		return s, nil
	}),
}

// The hinge on the variance against that on the standard deviation, for embeddings that begin with a standard deviation of 0.1
// and of 0.01: by what factor the norm of its gradient is smaller, and by what factor it takes longer to reach 0.5.
const (
	slopeWeaker10    Metric = "from a tenth.slope_ratio"
	slopeWeaker1     Metric = "from a hundredth.slope_ratio"
	recoverySlower10 Metric = "from a tenth.steps_ratio"
	recoverySlower1  Metric = "from a hundredth.steps_ratio"
	recoverySteps1   Metric = "from a hundredth.steps" // that the hinge on the standard deviation takes
)

// recovery moves the two views' embeddings of 256 images, 8 numbers each, down the gradient of VICReg's invariance and variance
// terms. It returns the norm of the variance term's gradient at the start, for one view, and the number of steps after which
// the standard deviation has come from std to 0.5; 10,000 when it has not.
func recovery(std float64, ofVariance bool, seed uint64) (slope, steps float64) {
	const (
		images, dims, most = 256, 8, 10000
		weight, eps, rate  = 25., 1e-4, 1e-3
		difference         = 0.5 // of the views, as a share of the deviation
	)
	r := rand.New(rand.NewPCG(seed, 0x766963))
	var z [2][images][dims]float64
	for i := range images {
		for k := range dims {
			common := r.NormFloat64()
			for v := range z {
				z[v][i][k] = std * (common + difference*r.NormFloat64()) / math.Sqrt(1+difference*difference)
			}
		}
	}
	for step := range most {
		var push [2][images][dims]float64 // minus the gradient of both variance terms' mean, times images and dims
		spread, norm := 0.0, 0.0
		for v := range z {
			for k := range dims {
				column := make([]float64, images)
				for i := range column {
					column[i] = z[v][i][k]
				}
				mean, variance := moments(column)
				spread += math.Sqrt(variance) / (2 * dims)
				now, slope := math.Sqrt(variance+eps), 1/math.Sqrt(variance+eps)
				if ofVariance {
					now, slope = variance+eps, 2
				}
				if now >= 1 {
					continue
				}
				for i := range column {
					push[v][i][k] = slope * (column[i] - mean) * images / (images - 1) / 2
					norm += push[v][i][k] * push[v][i][k] / 2
				}
			}
		}
		if step == 0 {
			slope = math.Sqrt(norm)
		}
		if spread >= 0.5 {
			return slope, float64(step)
		}
		for i := range images {
			for k := range dims {
				apart := 2 * (z[0][i][k] - z[1][i][k]) // the gradient of the invariance, in the same unit
				z[0][i][k] += rate * weight * (push[0][i][k] - apart)
				z[1][i][k] += rate * weight * (push[1][i][k] + apart)
			}
		}
	}
	return slope, most
}
