// SPDX-License-Identifier: Apache-2.0

package eval_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/torch"
)

func TestNeighboursAgainstLoops(t *testing.T) {
	const n, d, k = 60, 5, 7
	r := rand.New(rand.NewPCG(4, 4))
	values := make([]float64, n*d)
	for i := range values {
		values[i] = r.NormFloat64()
	}
	cosine := func(i, j int) float64 {
		dot, a, b := 0.0, 0.0, 0.0
		for c := range d {
			x, y := values[i*d+c], values[j*d+c]
			dot, a, b = dot+x*y, a+x*x, b+y*y
		}
		return dot / math.Sqrt(a*b)
	}
	if err := torch.Scope(func() error {
		near := eval.Neighbours(torch.FromFloat64(values, n, d), k)
		if len(near) != n {
			t.Errorf("%d lists of neighbours for %d rows", len(near), n)
			return nil
		}
		for i := range n {
			var want []int
			for j := range n {
				if j != i {
					want = append(want, j)
				}
			}
			slices.SortFunc(want, func(a, b int) int { return cmp.Compare(cosine(i, b), cosine(i, a)) })
			if !slices.Equal(near[i], want[:k]) {
				t.Errorf("row %d: %v, want %v", i, near[i], want[:k])
			}
		}
		two := eval.Neighbours(torch.FromFloat64([]float64{1, 1, 2, 2}, 2, 2), k)
		if len(two) != 2 || !slices.Equal(two[0], []int{1}) || !slices.Equal(two[1], []int{0}) {
			t.Errorf("of two equal rows: %v", two)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestPurity(t *testing.T) {
	near := [][]int{{1, 2, 3}, {0, 3, 2}, {3, 0, 1}, {2, 1, 0}}
	labels := []int{0, 0, 1, -1}
	for k, want := range map[int]float64{1: 2. / 2, 2: 2. / 4, 3: 2. / 6, 9: 2. / 6} {
		if got := eval.Purity(near, labels, k); math.Abs(got-want) > 1e-12 {
			t.Errorf("purity at %d is %g, want %g", k, got, want)
		}
	}
	if got := eval.Purity(near, []int{-1, -1, -1, -1}, 2); !math.IsNaN(got) {
		t.Errorf("purity without labels is %g", got)
	}
}

// A probe fitted to features in which a class is one direction finds that direction.
func TestFit(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	values, labels := make([]float32, 300*4), make([]int, 300)
	for i := range labels {
		labels[i] = i % 3
		for c := range 4 {
			values[4*i+c] = float32(r.NormFloat64())
		}
		values[4*i+i%3] += 6
	}
	if err := torch.Scope(func() error {
		l := eval.NewLinear(4, 3, 1)
		defer l.Free()
		h := torch.FromFloat32(values, 300, 4)
		l.Fit(h, labels, 10, 32, rand.New(rand.NewPCG(1, 1)))
		if got := l.Accuracy(h, labels); got < 0.98 {
			t.Errorf("accuracy %g", got)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// The information is whole, 1, if neighbours are in one cluster and the clusters are equal, and 0 if a neighbour's
// cluster says nothing or all images are in one cluster. One more value is by hand.
func TestSharedInformation(t *testing.T) {
	next := [][]int{{1}, {0}, {3}, {2}}
	for _, c := range []struct {
		clusters []int
		want     float64
	}{
		{[]int{0, 0, 1, 1}, 1},
		{[]int{0, 1, 0, 1}, 1}, // the other cluster, always
		{[]int{0, 0, 0, 0}, 0},
		{[]int{0, 0, 0, 1}, (0.5*math.Log(0.5/(0.75*0.75)) + 0.5*math.Log(0.25/(0.75*0.25))) / math.Log(2)},
	} {
		if got := eval.SharedInformation(c.clusters, next, 2); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("clusters %v: %v, want %v", c.clusters, got, c.want)
		}
	}
}
