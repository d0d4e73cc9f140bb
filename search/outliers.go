// SPDX-License-Identifier: Apache-2.0

package search

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
)

// An Outlier is how far a row lies from others.
type Outlier struct {
	Row int
	// Factor is the local outlier factor: about 1 inside a cluster, the larger the thinner the row's surroundings are
	// compared with those of its neighbours.
	Factor float64
	// Distance is the mean Euclidean distance to the k neighbours, of rows of length 1: 0 to 2.
	Distance float64
	// Neighbour is the most similar other row.
	Neighbour Match
}

// leastDistance is what rounding to float32 makes of the distance of equal rows of length 1, at most. Nearer rows count
// as this far apart, so that copies do not make a density infinite.
const leastDistance = 1e-3

// Outliers returns every row, the greatest local outlier factor first, by Breunig et al. (2000), "LOF: identifying
// density-based local outliers", definitions 5 to 7, with exactly k neighbours N(p) for each row p, as scikit-learn has
// it:
//
//	d(p, o)     = √(2 - 2·cosine(p, o)), at least 0.001
//	reach(p, o) = max(d(p, o), distance of o to its k-th neighbour)
//	density(p)  = 1 / mean of reach(p, o) over o in N(p)
//	Factor(p)   = mean of density(o) over o in N(p), divided by density(p)
//
// k is usually 20. There must be more than k rows. With an index (of the same rows) the neighbours are those that it
// finds with probes probes; a row for which it finds none comes first, with an infinite factor. Leave copies out
// before: where k rows and more are equal, the density is so great that rows near them seem to be outliers. Memory is
// 8·k + 56 bytes a row. Equal factors are sorted by row.
func Outliers(ctx context.Context, rows *Rows, k int, index *Index, probes int, progress Progress) ([]Outlier, error) {
	if k >= rows.n {
		return nil, fmt.Errorf("outliers by %d neighbours among %d rows: want fewer neighbours than rows", k, rows.n)
	}
	near, apart := make([]int32, rows.n*k), make([]float32, rows.n*k)
	result := make([]Outlier, rows.n)
	keep := func(from int, matches [][]Match) {
		for i, m := range matches {
			row := from + i
			result[row] = Outlier{Row: row, Neighbour: Match{-1, math.Inf(-1)}}
			for j := range k {
				near[row*k+j] = -1
				if j < len(m) {
					near[row*k+j], apart[row*k+j] = int32(m[j].Row), float32(distance(m[j].Cosine))
				}
			}
			if len(m) > 0 {
				result[row].Neighbour = m[0]
			}
		}
	}
	var err error
	if index != nil {
		err = index.nearest(ctx, rows, k, probes, true, progress, keep)
	} else {
		err = nearest(ctx, rows, rows, k, true, progress, keep)
	}
	if err != nil {
		return nil, err
	}
	of := func(i int) ([]int32, []float32) { // an index may have found fewer than k
		n := k
		for n > 0 && near[i*k+n-1] < 0 {
			n--
		}
		return near[i*k : i*k+n], apart[i*k : i*k+n]
	}
	farthest := func(i int32) float64 {
		if _, d := of(int(i)); len(d) > 0 {
			return float64(d[len(d)-1])
		}
		return 0
	}
	density := make([]float64, rows.n)
	for i := range density {
		numbers, distances := of(i)
		reach, sum := 0.0, 0.0
		for j, o := range numbers {
			sum += float64(distances[j])
			reach += max(float64(distances[j]), farthest(o))
		}
		density[i], result[i].Distance = float64(len(numbers))/reach, sum/float64(len(numbers))
	}
	for i := range result {
		numbers, _ := of(i)
		if len(numbers) == 0 {
			result[i].Factor, result[i].Distance = math.Inf(1), math.Inf(1)
			continue
		}
		sum := 0.0
		for _, o := range numbers {
			if d := density[o]; !math.IsNaN(d) {
				sum += d
			}
		}
		result[i].Factor = sum / float64(len(numbers)) / density[i]
	}
	slices.SortFunc(result, func(a, b Outlier) int {
		return cmp.Or(cmp.Compare(b.Factor, a.Factor), cmp.Compare(a.Row, b.Row))
	})
	return result, nil
}

// distance is the Euclidean distance of two rows of length 1, at least leastDistance.
func distance(cosine float64) float64 { return max(math.Sqrt(max(2-2*cosine, 0)), leastDistance) }
