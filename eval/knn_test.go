// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax/torch"
)

// naiveKNN is the definition, row by row in float64.
func naiveKNN(bank []float32, labels []int, queries []float32, d, k int, temperature float64, classes int) []int {
	cosine := func(a, b []float32) float64 {
		var ab, aa, bb float64
		for i := range a {
			ab += float64(a[i]) * float64(b[i])
			aa += float64(a[i]) * float64(a[i])
			bb += float64(b[i]) * float64(b[i])
		}
		return ab / math.Sqrt(aa*bb)
	}
	var predictions []int
	for q := range len(queries) / d {
		type vote struct {
			cosine float64
			label  int
		}
		var all []vote
		for i, label := range labels {
			if label >= 0 {
				all = append(all, vote{cosine(queries[q*d:(q+1)*d], bank[i*d:(i+1)*d]), label})
			}
		}
		slices.SortFunc(all, func(a, b vote) int {
			if a.cosine > b.cosine {
				return -1
			}
			return 1
		})
		scores := make([]float64, classes)
		for _, v := range all[:min(k, len(all))] {
			scores[v.label] += math.Exp(v.cosine / temperature)
		}
		best := 0
		for c, s := range scores {
			if s > scores[best] {
				best = c
			}
		}
		predictions = append(predictions, best)
	}
	return predictions
}

func TestKNNIsItsDefinition(t *testing.T) {
	const n, q, d, classes = 200, 60, 7, 5
	in(t, func() {
		r := rng()
		bank, queries := gaussian(r, n*d), gaussian(r, q*d)
		labels, queryLabels := someLabels(r, n, classes), someLabels(r, q, classes)
		for _, k := range []int{1, 5, 20, 1000} {
			for _, temperature := range []float64{0.07, 0.5, 0.002} {
				want := naiveKNN(bank, labels, queries, d, k, temperature, classes)
				got, top1 := KNN(torch.FromFloat32(bank, n, d), labels, torch.FromFloat32(queries, q, d), queryLabels,
					k, temperature, classes)
				if !slices.Equal(got, want) {
					t.Errorf("k %d, temperature %g: %v, want %v", k, temperature, got, want)
				}
				right, of := 0, 0
				for i, label := range queryLabels {
					if label >= 0 {
						of++
						if label == want[i] {
							right++
						}
					}
				}
				if want := float64(right) / float64(of); top1 != want {
					t.Errorf("k %d, temperature %g: top1 %g, want %g", k, temperature, top1, want)
				}
			}
		}
	})
}

// More queries than fit one block of cosines give the same results as each block alone.
func TestKNNInBlocks(t *testing.T) {
	const n, d = 8192, 2
	queries := similarities/n + 7
	in(t, func() {
		r := rng()
		labels := someLabels(r, n, 3)
		bank, all := torch.FromFloat32(gaussian(r, n*d), n, d), torch.FromFloat32(gaussian(r, queries*d), queries, d)
		got, _ := KNN(bank, labels, all, nil, 1, 0.07, 3)
		last, _ := KNN(bank, labels, all.Narrow(0, queries-10, 10), nil, 1, 0.07, 3)
		if len(got) != queries || !slices.Equal(got[queries-10:], last) {
			t.Errorf("%d predictions for %d queries, the last %v, want %v", len(got), queries, got[len(got)-10:], last)
		}
	})
}

func TestKNNEdges(t *testing.T) {
	in(t, func() {
		bank := torch.FromFloat32([]float32{1, 0, 1, 0, 0, 1}, 3, 2)
		query := torch.FromFloat32([]float32{2, 0}, 1, 2)
		if got, top1 := KNN(bank, []int{3, 1, 2}, query, nil, 2, 0.07, 4); got[0] != 1 || !math.IsNaN(top1) {
			t.Errorf("a tie of classes 3 and 1 went to %v (top1 %g), want 1 (NaN)", got, top1)
		}
		if got, _ := KNN(bank, []int{-1, -1, 2}, query, nil, 2, 0.07, 4); got[0] != 2 {
			t.Errorf("with one labelled row: %v, want 2", got)
		}
		fails(t, "no row of the bank has a label", func() { KNN(bank, unknown(3), query, nil, 2, 0.07, 4) })
		fails(t, "not one of -1 ... 3", func() { KNN(bank, []int{0, 1, 4}, query, nil, 2, 0.07, 4) })
		fails(t, "one encoder", func() { KNN(bank, []int{0, 1, 2}, torch.Zeros(torch.F32, 1, 3), nil, 2, 0.07, 4) })
		fails(t, "with 2 labels", func() { KNN(bank, []int{0, 1}, query, nil, 2, 0.07, 4) })
		fails(t, "greater than 0", func() { KNN(bank, []int{0, 1, 2}, query, nil, 0, 0.07, 4) })
		fails(t, "not finite", func() {
			KNN(bank, []int{0, 1, 2}, torch.FromFloat32([]float32{1, float32(math.NaN())}, 1, 2), nil, 2, 0.07, 4)
		})
	})
}
