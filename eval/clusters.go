// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"errors"
	"fmt"
	"math"
)

// ClusterScores measures how well clusters agree with classes; 1 is perfect.
type ClusterScores struct {
	// ACC is the share of rows whose cluster is matched to their class, under the best matching of each cluster to at
	// most one class, in (0, 1].
	ACC float64
	// NMI is the mutual information over the arithmetic mean of the two entropies, in [0, 1]. As in scikit-learn, one
	// cluster and one class score 1.
	NMI float64
	// ARI is the adjusted Rand index (Hubert & Arabie 1985), in [-0.5, 1]; 0 is expected by chance.
	ARI float64
}

// ScoreClusters compares cluster numbers with class labels, row by row. The numbers need not be consecutive. Rows
// labelled -1 are left out.
func ScoreClusters(clusters, labels []int) (ClusterScores, error) {
	if len(clusters) != len(labels) {
		return ClusterScores{}, fmt.Errorf("scoring clusters: %d cluster numbers for %d labels", len(clusters),
			len(labels))
	}
	index, known := labelled(labels)
	if len(known) == 0 {
		return ClusterScores{}, errors.New("scoring clusters: no row has a label to compare its cluster with")
	}
	assigned := make([]int, len(index))
	for i, row := range index {
		assigned[i] = clusters[row]
	}
	counts := contingency(assigned, known)
	return ClusterScores{ACC: matchedShare(counts), NMI: normalizedInformation(counts), ARI: adjustedRand(counts)}, nil
}

// contingency counts the rows of every pair (cluster, class); both are numbered in the order of their first row.
func contingency(clusters, labels []int) [][]float64 {
	rows, k := dense(clusters)
	columns, c := dense(labels)
	counts := make([][]float64, k)
	for i := range counts {
		counts[i] = make([]float64, c)
	}
	for i := range rows {
		counts[rows[i]][columns[i]]++
	}
	return counts
}

func dense(numbers []int) (renumbered []int, n int) {
	seen := map[int]int{}
	renumbered = make([]int, len(numbers))
	for i, v := range numbers {
		if _, ok := seen[v]; !ok {
			seen[v] = len(seen)
		}
		renumbered[i] = seen[v]
	}
	return renumbered, len(seen)
}

// margins returns the sums of the rows, of the columns and of all.
func margins(counts [][]float64) (rows, columns []float64, n float64) {
	rows, columns = make([]float64, len(counts)), make([]float64, len(counts[0]))
	for i, row := range counts {
		for j, v := range row {
			rows[i] += v
			columns[j] += v
			n += v
		}
	}
	return rows, columns, n
}

func matchedShare(counts [][]float64) float64 {
	_, _, n := margins(counts)
	size := max(len(counts), len(counts[0]))
	cost := make([][]float64, size)
	for i := range cost {
		cost[i] = make([]float64, size)
		if i < len(counts) {
			for j, v := range counts[i] {
				cost[i][j] = -v
			}
		}
	}
	matched := 0.0
	for i, j := range assign(cost) {
		matched -= cost[i][j]
	}
	return matched / n
}

// normalizedInformation is NMI.
func normalizedInformation(counts [][]float64) float64 {
	rows, columns, n := margins(counts)
	if len(rows) == 1 && len(columns) == 1 {
		return 1
	}
	return mutualInformation(counts) / ((entropy(rows, n) + entropy(columns, n)) / 2)
}

// mutualInformation says, in nats, how much the row of a count tells about its column.
func mutualInformation(counts [][]float64) float64 {
	rows, columns, n := margins(counts)
	mutual := 0.0
	for i, row := range counts {
		for j, v := range row {
			if v > 0 {
				mutual += v / n * math.Log(v*n/(rows[i]*columns[j]))
			}
		}
	}
	return math.Max(0, mutual)
}

func entropy(counts []float64, n float64) float64 {
	h := 0.0
	for _, v := range counts {
		h -= v / n * math.Log(v/n)
	}
	return h
}

// adjustedRand counts pairs of rows: together in both partitions, in one, in none.
func adjustedRand(counts [][]float64) float64 {
	rows, columns, n := margins(counts)
	both := 0.0
	for _, row := range counts {
		both += pairs(row...)
	}
	cluster, class, all := pairs(rows...), pairs(columns...), pairs(n)
	if cluster == both && class == both { // equal partitions, including n = 1
		return 1
	}
	expected := cluster * class / all
	return (both - expected) / ((cluster+class)/2 - expected)
}

func pairs(counts ...float64) float64 {
	sum := 0.0
	for _, v := range counts {
		sum += v * (v - 1) / 2
	}
	return sum
}
