// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math"

	"github.com/parallax-ssl/parallax/torch"
)

// Neighbours returns, for every row of h (N x D), the k other rows with the largest cosine, nearest first; fewer if
// there are not k others. It compares all rows with all, in blocks. It holds a normalised copy of h and 64 MiB of
// cosines.
func Neighbours(h torch.Tensor, k int) [][]int {
	const op = "Neighbours"
	if shape := h.Shape(); len(shape) != 2 || k < 1 {
		torch.Fail(op, "features of shape %v and k %d: want a matrix and k of at least 1", shape, k)
	}
	n := h.Size(0)
	k = min(k, n-1)
	near := make([][]int, 0, n)
	if k == 0 {
		return make([][]int, n)
	}
	nested(func() {
		rows := unit(op, "features", h)
		keys, columns := rows.T(), torch.Arange(n).Unsqueeze(0)
		block := max(1, similarities/n)
		for from := 0; from < n; from += block {
			count := min(block, n-from)
			nested(func() {
				self := columns.Eq(torch.Arange(n).Narrow(0, from, count).Unsqueeze(1))
				_, index := rows.Narrow(0, from, count).MatMul(keys).MaskedFill(self, math.Inf(-1)).TopK(k, 1)
				flat := index.Reshape(-1).Ints()
				for i := range count {
					near = append(near, flat[i*k:(i+1)*k:(i+1)*k])
				}
			})
		}
	})
	return near
}

// Purity returns the share of the first k neighbours that have the same label as their row (SCAN, figure 2), over rows
// and neighbours with a label; NaN if there is none.
func Purity(near [][]int, labels []int, k int) float64 {
	same, of := 0, 0
	for i, row := range near {
		if labels[i] < 0 {
			continue
		}
		for _, j := range row[:min(k, len(row))] {
			if labels[j] < 0 {
				continue
			}
			of++
			if labels[j] == labels[i] {
				same++
			}
		}
	}
	if of == 0 {
		return math.NaN()
	}
	return float64(same) / float64(of)
}

// SharedInformation returns the mutual information between the cluster of a row and the clusters of its neighbours, as
// a share of its largest value, ln k, for clusters numbered 0 to k-1. It needs no labels. It is low if neighbours are
// in different clusters, and if few clusters hold most rows.
func SharedInformation(clusters []int, near [][]int, k int) float64 {
	counts := make([][]float64, k)
	for i := range counts {
		counts[i] = make([]float64, k)
	}
	for i, others := range near {
		for _, j := range others { // in both directions, so that rows and columns have the same sums
			counts[clusters[i]][clusters[j]]++
			counts[clusters[j]][clusters[i]]++
		}
	}
	return mutualInformation(counts) / math.Log(float64(k))
}
