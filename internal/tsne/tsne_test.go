// SPDX-License-Identifier: Apache-2.0

package tsne

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestConditional: the similarities have the entropy that was asked for.
func TestConditional(t *testing.T) {
	var near []Match
	for i := range 90 {
		near = append(near, Match{i, 1 - 0.01*float64(i)})
	}
	for _, perplexity := range []float64{2, 30, 80} {
		h, sum := 0.0, 0.0
		for _, p := range conditional(near, math.Log(perplexity)) {
			sum += p
			if p > 0 {
				h -= p * math.Log(p)
			}
		}
		if math.Abs(math.Exp(h)-perplexity) > 1e-3 || math.Abs(sum-1) > 1e-12 {
			t.Errorf("perplexity %g, sum %g, want %g and 1", math.Exp(h), sum, perplexity)
		}
	}
}

// The layout does not depend on the number of threads, and leaves its start as it is.
func TestCores(t *testing.T) {
	const n = 40
	r := rand.New(rand.NewPCG(1, 1))
	start, near := make([][2]float64, n), make([][]Match, n)
	for i := range start {
		start[i] = [2]float64{r.NormFloat64(), r.NormFloat64()}
		for k := range 9 {
			near[i] = append(near[i], Match{(i + k + 1) % n, 1 - 0.01*float64(k)})
		}
	}
	before := slices.Clone(start)
	one, three := New(near, 3, start, Whole, 1), New(near, 3, start, Whole, 3)
	for range 300 {
		one.Step()
		three.Step()
	}
	if !slices.Equal(one.Points(), three.Points()) || one.Divergence() != three.Divergence() {
		t.Error("three threads give another layout than one")
	}
	if !slices.Equal(start, before) {
		t.Error("the start has changed")
	}
}
