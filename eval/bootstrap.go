// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Confidence is the coverage of an [Interval]: the chance that it holds the value over all images of the kind.
const Confidence = 0.95

// An Interval is a measured value and the bounds of its confidence interval.
type Interval struct{ Value, Low, High float64 }

// Bootstrap measures how much statistics of n rows depend on the choice of the rows (Efron 1979): it draws n rows with
// replacement, resamples times, and takes the percentiles that hold [Confidence] of the values. stat is given row
// numbers and returns its statistics, always equally many. All come from the same draws, so a statistic may be the
// difference of two others, such as two networks' accuracy: a paired comparison. The Value is that of the rows
// themselves.
//
// A statistic that is not a mean, such as a clustering's scores, differs systematically between the rows and a draw
// with repeated rows; the bounds are corrected for that difference. n and resamples are at least 1. Equal states of r
// give equal intervals.
func Bootstrap(n, resamples int, r *rand.Rand, stat func(rows []int) []float64) []Interval {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	values := stat(rows)
	drawn := make([][]float64, len(values))
	for range resamples {
		for i := range rows {
			rows[i] = r.IntN(n)
		}
		for s, v := range stat(rows) {
			drawn[s] = append(drawn[s], v)
		}
	}
	intervals := make([]Interval, len(values))
	for s, v := range values {
		bias := 0.0
		for _, d := range drawn[s] {
			bias += (d - v) / float64(resamples)
		}
		slices.Sort(drawn[s])
		tail := (1 - Confidence) / 2 * float64(resamples)
		low, high := drawn[s][int(tail)], drawn[s][int(math.Ceil(float64(resamples)-tail))-1]
		intervals[s] = Interval{v, low - bias, high - bias}
	}
	return intervals
}
