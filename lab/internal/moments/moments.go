// SPDX-License-Identifier: Apache-2.0

// Package moments computes the mean and the variance of the laboratory's numbers. gonum/stat compensates for rounding,
// so its last bits would differ from those of published findings.
package moments

import "math"

// Of returns the mean and the unbiased variance. The variance of one value is 0.
func Of(values []float64) (mean, variance float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		variance += (v - mean) * (v - mean) / math.Max(1, float64(len(values)-1))
	}
	return mean, variance
}
