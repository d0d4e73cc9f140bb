// SPDX-License-Identifier: Apache-2.0

package search

import (
	"fmt"
	"math"
	"slices"
)

// Deviations returns how unusual each row of values is, N x width in row-major order: the root mean square, over the
// columns, of its distance to the column's median, in units of the column's spread. The spread is the range between the
// quartiles, divided by 1.349, which is the standard deviation of normal values, and at least least[j] of column j. So
// a normal row has a deviation of about 1, and unusual rows do not change what is usual. A row whose first value is NaN
// does not count and has NaN. Memory is 8 bytes a row beside the result.
func Deviations(values []float32, width int, least []float64) ([]float64, error) {
	if width < 1 || len(values)%width != 0 || len(least) != width {
		return nil, fmt.Errorf("%d values and %d spreads are no rows of width %d", len(values), len(least), width)
	}
	result := make([]float64, len(values)/width)
	column := make([]float32, 0, len(result))
	for j := range width {
		column = column[:0]
		for i := range result {
			if first := values[i*width]; first == first {
				column = append(column, values[i*width+j])
			}
		}
		if len(column) == 0 {
			break
		}
		slices.Sort(column)
		quantile := func(share float64) float64 { return float64(column[int(share*float64(len(column)-1)+0.5)]) }
		median, spread := quantile(0.5), max((quantile(0.75)-quantile(0.25))/1.349, least[j])
		for i := range result {
			z := (float64(values[i*width+j]) - median) / spread
			result[i] += z * z
		}
	}
	for i, sum := range result {
		result[i] = math.Sqrt(sum / float64(width))
		if first := values[i*width]; first != first {
			result[i] = math.NaN()
		}
	}
	return result, nil
}
