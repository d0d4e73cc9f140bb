// SPDX-License-Identifier: Apache-2.0

package theory

import (
	"math"
	"math/rand/v2"

	"github.com/parallax-ssl/parallax/lab/internal/moments"
)

// Recovery moves the embeddings of two views of 256 images, 8 numbers each, by gradient descent on VICReg's invariance
// and variance terms. The variance term uses the variance in place of the standard deviation if ofVariance is true.
// Recovery returns the norm of the variance term's gradient at the start, for one view, and the number of steps after
// which the standard deviation has grown from std to 0.5, or 10,000 if it has not.
func Recovery(std float64, ofVariance bool, seed uint64) (slope, steps float64) {
	const (
		images, dims, most = 256, 8, 10000
		weight, eps, rate  = 25., 1e-4, 1e-3
		difference         = 0.5 // difference of the views, relative to the deviation
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
				mean, variance := moments.Of(column)
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
				apart := 2 * (z[0][i][k] - z[1][i][k]) // the gradient of the invariance term, in the same unit
				z[0][i][k] += rate * weight * (push[0][i][k] - apart)
				z[1][i][k] += rate * weight * (push[1][i][k] + apart)
			}
		}
	}
	return slope, most
}
