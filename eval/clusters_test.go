// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math"
	"testing"
)

func TestAssignIsTheBestOfAllPermutations(t *testing.T) {
	r := rng()
	for n := range 7 {
		for range 40 {
			cost := make([][]float64, n)
			for i := range cost {
				cost[i] = make([]float64, n)
				for j := range cost[i] {
					cost[i][j] = float64(r.IntN(20)) - 10 // whole numbers: many ties
				}
			}
			got, used := 0.0, make([]bool, n)
			for i, j := range assign(cost) {
				if used[j] {
					t.Fatalf("column %d is used twice", j)
				}
				used[j] = true
				got += cost[i][j]
			}
			if want := cheapest(cost, 0, make([]bool, n)); got != want {
				t.Fatalf("%v: cost %g, want %g", cost, got, want)
			}
		}
	}
}

// cheapest tries every assignment of the rows from row on.
func cheapest(cost [][]float64, row int, used []bool) float64 {
	if row == len(cost) {
		return 0
	}
	best := math.Inf(1)
	for j := range used {
		if !used[j] {
			used[j] = true
			best = min(best, cost[row][j]+cheapest(cost, row+1, used))
			used[j] = false
		}
	}
	return best
}

func TestClusterScores(t *testing.T) {
	const ln2 = math.Ln2
	for name, c := range map[string]struct {
		clusters, labels []int
		want             ClusterScores
	}{
		"equal up to names":      {[]int{7, 7, -3, -3, 0}, []int{0, 0, 1, 1, 2}, ClusterScores{1, 1, 1}},
		"one cluster, one class": {[]int{4, 4}, []int{1, 1}, ClusterScores{1, 1, 1}},
		"one row":                {[]int{4}, []int{1}, ClusterScores{1, 1, 1}},
		"one cluster":            {[]int{0, 0, 0, 0}, []int{0, 0, 1, 1}, ClusterScores{0.5, 0, 0}},
		"every row its own": {[]int{0, 1, 2, 3}, []int{0, 0, 1, 1},
			ClusterScores{0.5, ln2 / (1.5 * ln2), 0}},
		"independent": {[]int{0, 1, 0, 1}, []int{0, 0, 1, 1}, ClusterScores{0.5, 0, -0.5}},
		"a class in two clusters": {[]int{0, 1, 2, 2}, []int{0, 0, 1, 1},
			ClusterScores{0.75, ln2 / (1.25 * ln2), 4. / 7}},
		"rows without a label do not vote": {[]int{5, 0, 1, 2, 2, 9}, []int{-1, 0, 0, 1, 1, -1},
			ClusterScores{0.75, ln2 / (1.25 * ln2), 4. / 7}},
	} {
		got, err := ScoreClusters(c.clusters, c.labels)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if math.Abs(got.ACC-c.want.ACC)+math.Abs(got.NMI-c.want.NMI)+math.Abs(got.ARI-c.want.ARI) > 1e-12 {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if _, err := ScoreClusters([]int{1}, []int{1, 2}); err == nil {
		t.Error("one cluster number for two labels was no error")
	}
	if _, err := ScoreClusters([]int{1}, []int{-1}); err == nil {
		t.Error("no label was no error")
	}
}
