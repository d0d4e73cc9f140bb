// SPDX-License-Identifier: Apache-2.0

package collapse

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// ExplainedArea computes [Metrics.ExplainedArea] from logged singular values of centred rows of d columns, largest
// first. The largest must be above 0.
func ExplainedArea(singular []float64, d int) float64 { return explained(eigenShares(singular), d) }

// Spearman returns Spearman's rank correlation, in [-1, 1], of two series of the same length. Equal values share the
// mean of their ranks. The result is NaN if all values of a series are equal, or if any value is not finite.
func Spearman(x, y []float64) float64 {
	for i := range x {
		if !finite(x[i]) || !finite(y[i]) {
			return math.NaN()
		}
	}
	return stat.Correlation(ranks(x), ranks(y), nil)
}

// ranks returns the rank of every value, from 0; equal values share the mean of their ranks.
func ranks(v []float64) []float64 {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case v[a] < v[b]:
			return -1
		case v[a] > v[b]:
			return 1
		}
		return 0
	})
	out := make([]float64, len(v))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && v[order[j]] == v[order[i]] {
			j++
		}
		for _, at := range order[i:j] {
			out[at] = float64(i+j-1) / 2
		}
		i = j
	}
	return out
}
