// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"crypto/sha256"
	"fmt"
	"testing"
)

// TestSyntheticGolden keeps the drawings the same: runs on the synthetic set are compared across versions.
func TestSyntheticGolden(t *testing.T) {
	h := sha256.New()
	s := opened(t, "synthetic:200", Options{})
	for i := range s.Len() {
		img, err := s.Image(i)
		if err != nil || img.W != 32 || img.H != 32 || len(img.Pix) != 3*32*32 {
			t.Fatalf("image %d: %v", i, err)
		}
		h.Write(img.Pix)
		h.Write([]byte{byte(s.Label(i))})
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)[:8]); got != goldenSynthetic {
		t.Errorf("the first 200 images hash to %s, want %s: if the drawing was changed on purpose, change its number "+
			"in openSynthetic too", got, goldenSynthetic)
	}
}

func TestSynthetic(t *testing.T) {
	train, test := opened(t, "synthetic", Options{}), opened(t, "synthetic", Options{Split: "test"})
	if train.Len() != 5000 || test.Len() != 1000 || train.Kind != KindSynthetic || len(train.Classes) != 10 {
		t.Fatalf("%d and %d images, %d classes", train.Len(), test.Len(), len(train.Classes))
	}
	seen := map[string]string{}
	var count [5][10]int
	for _, s := range []*Source{train, test} {
		for i := range s.Len() {
			img, _ := s.Image(i)
			if was, twice := seen[string(img.Pix)]; twice {
				t.Fatalf("%s is %s", s.Name(i), was)
			}
			seen[string(img.Pix)] = s.Name(i)
			f, ok := s.Factors(i)
			if !ok || f.Shape != s.Label(i) {
				t.Fatalf("%s: factors %v, label %d", s.Name(i), f, s.Label(i))
			}
			for k, v := range [5]int{f.Shape, f.Colour, f.Texture, f.Position, f.Background} {
				count[k][v]++
			}
		}
	}
	// Each value of a factor about equally often, within five standard deviations of a binomial count.
	for k, factor := range SyntheticFactors() {
		want := 6000 / float64(len(factor.Values))
		for v, name := range factor.Values {
			if d := float64(count[k][v]) - want; d*d > 25*want {
				t.Errorf("%s %s: %d images, expected about %.0f", factor.Name, name, count[k][v], want)
			}
		}
	}
	// Fewer images are the first of more, and another size or seed gives other images.
	few := opened(t, "synthetic:10", Options{Labels: "none", Size: 48})
	img, _ := few.Image(3)
	if a, _ := few.Factors(3); img.W != 48 || few.Label(3) != -1 {
		t.Errorf("size %d, label %d", img.W, few.Label(3))
	} else if b, _ := train.Factors(3); a != b {
		t.Errorf("image 3 of 10 is %v, of 5000 %v", a, b)
	}
	if _, ok := opened(t, tree(t, "a.png"), Options{}).Factors(0); ok {
		t.Error("an image file has factors")
	}
}
