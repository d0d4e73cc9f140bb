// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"

	"gonum.org/v1/gonum/stat"

	"github.com/parallax-ssl/parallax/torch"
)

// HubNeighbours is the usual k of [Hubness].
const HubNeighbours = 10

// Hubness returns the skewness of N_k: how often a row of z (n x d) is among the k nearest other rows of a row, by
// cosine (Radovanović, Nanopoulos & Ivanović 2010, JMLR 11, equation 1). It is near 0 when all rows are neighbours
// equally often. It is large when a few rows, the hubs, are neighbours of almost all; a search then finds the hubs. If
// there are more than [PairRows] rows, it uses that many, evenly spaced. It is NaN for k rows or fewer, and if N_k does
// not vary.
func Hubness(z torch.Tensor, k int) float64 {
	hubness := math.NaN()
	torch.NoGrad(func() {
		unit := spacedRows(rows("Hubness", z).Normalize(1))
		n := unit.Size(0)
		if k < 1 {
			torch.Fail("Hubness", "%d neighbours: at least 1 is needed, and %d are usual", k, HubNeighbours)
		}
		if n <= k {
			return
		}
		counts, self := make([]float64, n), torch.Eye(n, torch.Bool)
		rowBlocks(n, pairBlock, func(from, rows int) {
			cosines := unit.Narrow(0, from, rows).MatMul(unit.T()).MaskedFill(self.Narrow(0, from, rows), math.Inf(-1))
			_, nearest := cosines.TopK(k, 1)
			for _, row := range nearest.Reshape(-1).Ints() {
				counts[row]++
			}
		})
		hubness = stat.Skew(counts, nil)
	})
	return hubness
}
