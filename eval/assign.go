// SPDX-License-Identifier: Apache-2.0

package eval

import "math"

// assign solves the assignment problem for a square matrix of costs: it returns a column for every row, each used once,
// with the smallest sum of costs. Rows are added one at a time along a shortest augmenting path under the reduced costs
// cost - u - v, in O(n³) altogether (Kuhn 1955; Jonker & Volgenant 1987, section 3).
func assign(cost [][]float64) []int {
	n := len(cost)
	u, v := make([]float64, n), make([]float64, n) // the dual prices of rows and columns
	rowOf := make([]int, n)                        // row of each column, -1 when free
	for j := range rowOf {
		rowOf[j] = -1
	}
	for start := range n {
		distance := make([]float64, n) // of each column from start
		before := make([]int, n)       // the column before each on the path, -1 for start itself
		final := make([]bool, n)
		for j := range n {
			distance[j], before[j] = math.Inf(1), -1
		}
		row, column, reached := start, -1, 0.0
		for {
			nearest := -1
			for j := range n {
				if final[j] {
					continue
				}
				if d := reached + cost[row][j] - u[row] - v[j]; d < distance[j] {
					distance[j], before[j] = d, column
				}
				if nearest < 0 || distance[j] < distance[nearest] {
					nearest = j
				}
			}
			column, reached = nearest, distance[nearest]
			if rowOf[column] < 0 {
				break
			}
			final[column] = true
			row = rowOf[column]
		}
		// The prices keep every reduced cost at 0 or above, and those on the path at 0.
		u[start] += reached
		for j := range n {
			if final[j] {
				u[rowOf[j]] += reached - distance[j]
				v[j] -= reached - distance[j]
			}
		}
		for column >= 0 {
			previous := before[column]
			if previous < 0 {
				rowOf[column] = start
			} else {
				rowOf[column] = rowOf[previous]
			}
			column = previous
		}
	}
	columnOf := make([]int, n)
	for j, i := range rowOf {
		columnOf[i] = j
	}
	return columnOf
}
