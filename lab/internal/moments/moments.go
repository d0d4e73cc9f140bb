// SPDX-License-Identifier: Apache-2.0

// Package moments has the mean and the variance as the laboratory's numbers are computed. gonum/stat compensates for
// rounding, so its last bits differ from those of published findings.
package moments

import "math"

// Of returns the mean and the unbiased variance, which is 0 for one value.
func Of(values []float64) (mean, variance float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		variance += (v - mean) * (v - mean) / math.Max(1, float64(len(values)-1))
	}
	return mean, variance
}
