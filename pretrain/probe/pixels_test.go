// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/eval"
)

// passOf yields images of 2 x 2 pixels, each drawn from its number, two at a time.
func passOf(images ...int) iter.Seq2[eval.Batch, error] {
	return func(yield func(eval.Batch, error) bool) {
		for len(images) > 0 {
			n := min(2, len(images))
			b := eval.Batch{Shape: [4]int{n, 3, 2, 2}}
			for _, image := range images[:n] {
				r := rand.New(rand.NewPCG(uint64(image), 0))
				for i := range 12 {
					v := float32(r.NormFloat64())
					if image < 0 { // of one colour
						v = float32(image - i/4)
					}
					b.Pixels = append(b.Pixels, v)
				}
			}
			images = images[n:]
			if !yield(b, nil) {
				return
			}
		}
	}
}

func lookedAt(pass iter.Seq2[eval.Batch, error]) *Pixels {
	var p Pixels
	for range p.Of(pass) {
	}
	return &p
}

func TestNotesOnPixels(t *testing.T) {
	for name, c := range map[string]struct {
		images []int
		want   []string
	}{
		"different": {[]int{1, 2, 3, 4, 5}, nil},
		"the same":  {[]int{7, 7, 7}, []string{"all 3 images of the sample are the same: "}},
		"few": {[]int{1, 2, 1, 2, 1},
			[]string{"the sample has 2 distinct images of 5: a batch of 4 holds copies"}},
		"of one colour": {[]int{-1, -2, -3, 4}, []string{"images of the sample that are of one colour: 3 of 4"}},
		"all of it":     {[]int{-1, -1}, []string{"all 2 images of the sample are the same: ", "2 of 2"}},
		"a single one":  {[]int{1}, nil},
	} {
		got := lookedAt(passOf(c.images...)).Notes(4)
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], c.want[i]) {
				t.Errorf("%s: %q, want %q", name, got[i], c.want[i])
			}
		}
	}
	nearly := lookedAt(func(yield func(eval.Batch, error) bool) {
		for b := range passOf(1, 1, 1, 1) {
			for i := range b.Pixels {
				b.Pixels[i] += 0.001 * float32(i)
			}
			if !yield(b, nil) {
				return
			}
		}
	}).Notes(4)
	if len(nearly) != 1 || !strings.Contains(nearly[0], "all 4 images of the sample are nearly the same") {
		t.Errorf("nearly the same: %q", nearly)
	}
}

func TestOverlap(t *testing.T) {
	bank, queries := lookedAt(passOf(1, 2, 3)), lookedAt(passOf(3, 4, 1, 2))
	n := Overlap(bank, queries, []int{0, 1, 0, -1})
	if got := OverlapNote(n, 3); got != "2 of 3 queries are also in the bank: an accuracy is too high by up to 0.667" {
		t.Error(got)
	}
	if n := Overlap(bank, lookedAt(passOf(5, 6)), []int{0, 1}); OverlapNote(n, 2) != "" {
		t.Errorf("%d queries of other images are in the bank", n)
	}
}
