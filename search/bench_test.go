// SPDX-License-Identifier: Apache-2.0

package search

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkNearest finds the ten nearest of 20,000 rows for 100 queries, and BenchmarkIndex by an index of 8 lists.
func BenchmarkNearest(b *testing.B) {
	rows, queries := benchmarked(b)
	for b.Loop() {
		if _, err := Nearest(b.Context(), rows, queries, 10, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	rows, queries := benchmarked(b)
	index, err := NewIndex(b.Context(), rows, 0, 1)
	if err != nil {
		b.Fatal(err)
	}
	defer index.Close()
	for b.Loop() {
		if _, err := index.Nearest(b.Context(), queries, 10, 8, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarked returns rows, in a file, and queries.
func benchmarked(b *testing.B) (rows, queries *Rows) {
	const dim = 128
	r := rand.New(rand.NewPCG(1, 2))
	return stored(b, 1, dim, cloud(r, 20_000, dim)), stored(b, 0, dim, cloud(r, 100, dim))
}
