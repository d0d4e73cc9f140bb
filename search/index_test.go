// SPDX-License-Identifier: Apache-2.0

package search

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// TestIndex: with all lists probed, the index's answer is the exact one; with fewer it finds most, and more with more.
func TestIndex(t *testing.T) {
	const n, dim, k = 3000, 12, 10
	for _, seed := range []uint64{2, 3} { // in memory, in a file
		r := rand.New(rand.NewPCG(seed, 5))
		rows := stored(t, seed, dim, cloud(r, n, dim))
		queries := stored(t, 0, dim, cloud(r, 1100, dim))
		index, err := NewIndex(t.Context(), rows, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer index.Close()
		exact, err := Nearest(t.Context(), rows, queries, k, nil)
		if err != nil {
			t.Fatal(err)
		}
		all, err := index.Nearest(t.Context(), queries, k, index.Lists(), nil)
		if err != nil || !reflect.DeepEqual(all, exact) {
			t.Errorf("all %d lists give another answer than exact search (%v)", index.Lists(), err)
		}
		before := 0.0
		for _, probes := range []int{1, 8, 40} {
			got, err := index.Recall(t.Context(), rows, queries, k, probes)
			if err != nil || got < before || got > 1 {
				t.Errorf("recall with %d probes is %g (%v), and with fewer %g", probes, got, err, before)
			}
			before = got
		}
		if before < 0.9 {
			t.Errorf("recall with 40 of %d lists is %g", index.Lists(), before)
		}
		again, err := NewIndex(t.Context(), rows, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if !reflect.DeepEqual(again.numbers, index.numbers) {
			t.Error("equal seeds give other indexes")
		}
		for want, probes := range map[string]int{"0 probes of an index": 0, "4000 probes of an index": 4000} {
			if _, err := index.Nearest(t.Context(), queries, k, probes, nil); err == nil ||
				!strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		}
	}
	if _, err := NewIndex(t.Context(), stored(t, 1, 3, nil), 0, 1); err == nil {
		t.Error("an index of no rows is made")
	}
}

func TestRecall(t *testing.T) {
	exact := [][]Match{{{1, 0.9}, {2, 0.8}}, {{3, 0.7}, {4, 0.6}}}
	found := [][]Match{{{9, 0.9}, {5, 0.5}}, {{4, 0.6}}} // an equal one, a worse one; one of two
	if got := recall(exact, found); got != 0.5 {
		t.Errorf("recall is %g, want 0.5", got)
	}
}

func TestDrawn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 6))
	counts := map[int32]int{}
	for range 2000 {
		seen := map[int32]bool{}
		for _, v := range drawn(10, 5, r) {
			if v < 0 || v >= 10 || seen[v] {
				t.Fatalf("drew %d, or twice", v)
			}
			seen[v] = true
			counts[v]++
		}
	}
	for v, count := range counts {
		if count < 850 || count > 1150 {
			t.Errorf("%d was drawn %d of 2000 times, want about 1000", v, count)
		}
	}
}
