// SPDX-License-Identifier: Apache-2.0

package collapse

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

// ExplainedArea is [Metrics.ExplainedArea] of rows of d columns whose centred singular values were logged, largest first. The
// largest must be above 0.
func ExplainedArea(singular []float64, d int) float64 { return explained(eigenShares(singular), d) }

// Spearman is the rank correlation of two series of the same length, equal values sharing the mean of their ranks, in [-1, 1]; NaN
// where the values of one are all equal, or one is NaN.
func Spearman(x, y []float64) float64 {
	for i := range x {
		if !finite(x[i]) || !finite(y[i]) {
			return math.NaN()
		}
	}
	return stat.Correlation(ranks(x), ranks(y), nil)
}
