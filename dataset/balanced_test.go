// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// labelled is a data set with the given labels.
type labelled struct {
	marked
	labels []int
}

func (d labelled) Label(i int) int { return d.labels[i] }

// few is 12 images of three classes: 5, 3 and 1 of them; the rest have no label.
func few(bad func(int) bool) labelled {
	return labelled{marked{12, bad}, []int{0, -1, 1, 0, 2, 0, 1, -1, 0, 1, 0, -1}}
}

// take reads n batches of an endless iteration.
func take(t *testing.T, b *Balanced, from, n int) []*Batch {
	t.Helper()
	seq := func(yield func(*Batch, error) bool) {
		left := n
		for batch, err := range b.From(t.Context(), from) {
			if !yield(batch, err) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
	all, err := batches(t, seq, true)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func balanced(t *testing.T, d Dataset, workers, classes, perClass int) *Balanced {
	t.Helper()
	b, err := NewBalanced(loaderOf(d, 5, workers), classes, perClass)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBalanced(t *testing.T) {
	for _, perClass := range []int{1, 3, 4, 7} {
		whole := take(t, balanced(t, few(nil), 3, 0, perClass), 0, 6)
		if rest := take(t, balanced(t, few(nil), 1, 0, perClass), 2, 4); !same(whole[2:], rest) {
			t.Errorf("%d per class: batches from number 2 on are others than those of a run from the start", perClass)
		}
		different := false
		for n, b := range whole {
			if len(b.Index) != 3*perClass {
				t.Fatalf("%d per class: a batch of %d", perClass, len(b.Index))
			}
			for class := range 3 {
				rows := b.Index[class*perClass : (class+1)*perClass]
				times := map[int]int{}
				for r, i := range rows {
					times[i]++
					if b.Labels[class*perClass+r] != class || few(nil).labels[i] != class {
						t.Errorf("%d per class: row %d of class %d is image %d", perClass, r, class, i)
					}
				}
				size := []int{5, 3, 1}[class]
				for i, got := range times {
					if got < perClass/size || got > (perClass+size-1)/size {
						t.Errorf("%d per class: image %d of a class of %d is there %d times", perClass, i, size, got)
					}
				}
			}
			different = different || n > 0 && !slices.Equal(b.Index, whole[0].Index)
		}
		if different != (perClass%15 != 0) {
			t.Errorf("%d per class: other images in other batches: %v", perClass, different)
		}
	}
	// The one image of class 2 is drawn several times, in different views.
	b := take(t, balanced(t, few(nil), 2, 0, 4), 3, 1)[0]
	area := 3 * b.Views[0].W * b.Views[0].H
	first, second := b.Views[0].Data[8*area:9*area], b.Views[0].Data[9*area:10*area]
	if b.Index[8] != 4 || b.Index[9] != 4 || slices.Equal(first, second) {
		t.Errorf("rows 8 and 9 are images %d and %d, in equal views: %v", b.Index[8], b.Index[9],
			slices.Equal(first, second))
	}
}

// Every pair of classes comes up, in different batches.
func TestBalancedChoosesClasses(t *testing.T) {
	seen := map[[2]int]int{}
	for _, b := range take(t, balanced(t, few(nil), 2, 2, 1), 0, 60) {
		seen[[2]int{b.Labels[0], b.Labels[1]}]++
	}
	for _, pair := range [][2]int{{0, 1}, {0, 2}, {1, 2}} {
		if seen[pair] < 8 {
			t.Errorf("of 60 batches %d have the classes %v", seen[pair], pair)
		}
	}
	if len(seen) != 3 {
		t.Errorf("there are batches with the classes %v", seen)
	}
}

// Another image of its class replaces an image that cannot be read.
func TestBalancedReplaces(t *testing.T) {
	for _, b := range take(t, balanced(t, few(func(i int) bool { return i == 3 || i == 9 }), 2, 0, 3), 0, 5) {
		for r, i := range b.Index {
			if i == 3 || i == 9 || b.Labels[r] != r/3 {
				t.Errorf("row %d is image %d of class %d", r, i, b.Labels[r])
			}
		}
	}
}

func TestBalancedErrors(t *testing.T) {
	for _, c := range []struct {
		labels            []int
		classes, perClass int
		want              string
	}{
		{[]int{-1, -1}, 0, 1, "none of the images has a label"},
		{[]int{0, 2, 0}, 0, 1, "class 1 has no image"},
		{[]int{0, 0, -1}, 0, 1, "only one class"},
		{[]int{0, 1, 2}, 4, 1, "the data has 3"},
		{[]int{0, 1, 2}, 1, 1, "the data has 3"},
		{[]int{0, 1, 2}, 0, 0, "at least 1"},
	} {
		_, err := NewBalanced(loaderOf(labelled{marked{n: len(c.labels)}, c.labels}, 1, 1), c.classes, c.perClass)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want one line with %q", c.labels, err, c.want)
		}
	}
}

// still is a view that shows the image as it is.
var still = []augment.Recipe{{}, {}, {}}

// The first view is of the image, all others are of its pair. The pair depends on seed, epoch and image.
func TestPair(t *testing.T) {
	const n = 40
	load := func(workers, epoch, from int, pair func(int, *rand.Rand) int, bad func(int) bool) []*Batch {
		l := loaderOf(marked{n, bad}, 8, workers)
		l.Recipes, l.Pair = still, pair
		all, err := batches(t, l.Epoch(context.Background(), epoch, from), true)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	anyOther := func(i int, r *rand.Rand) int { return (i + 1 + r.IntN(n-1)) % n }
	of := func(b *Batch, view, row int) int { return int(b.Views[view].Data[6*row]*255 + 0.5) }
	whole := load(3, 1, 0, anyOther, nil)
	if !same(whole[2:], load(1, 1, 2, anyOther, nil)) {
		t.Error("the pairs depend on the workers or on where the epoch began")
	}
	first := map[int]int{}
	for _, b := range whole {
		for row, i := range b.Index {
			first[i] = of(b, 1, row)
			if of(b, 0, row) != i || of(b, 1, row) == i || of(b, 1, row) != of(b, 2, row) {
				t.Errorf("image %d: views of %d, %d and %d", i, of(b, 0, row), of(b, 1, row), of(b, 2, row))
			}
		}
	}
	moved := 0
	for _, b := range load(1, 2, 0, anyOther, nil) {
		for row, i := range b.Index {
			if of(b, 1, row) != first[i] {
				moved++
			}
		}
	}
	if moved < n/2 {
		t.Errorf("in another epoch %d of %d images have other pairs", moved, n)
	}
	for _, b := range load(2, 0, 0, func(int, *rand.Rand) int { return 5 }, func(i int) bool { return i == 5 }) {
		for row, i := range b.Index {
			if of(b, 1, row) != i {
				t.Errorf("image %d, whose pair is bad, has a second view of %d", i, of(b, 1, row))
			}
		}
	}
}
