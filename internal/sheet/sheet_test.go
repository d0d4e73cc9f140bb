// SPDX-License-Identifier: Apache-2.0

package sheet

import (
	"image"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// TestPicturesOfAnyShape puts pictures that are much longer than wide, and large ones, into places.
func TestPicturesOfAnyShape(t *testing.T) {
	sizes := [][2]int{{60_000, 1}, {1, 60_000}, {5000, 4000}, {1, 1}, {96, 96}}
	page, place := New(1, len(sizes), 96, 0)
	for column, size := range sizes {
		img := augment.NewImage(size[0], size[1]) // black
		if got := shrunk(img, manifold*96); got.W > manifold*96 || got.H > manifold*96 || got.W < 1 || got.H < 1 {
			t.Errorf("%v is shrunk to %dx%d", size, got.W, got.H)
		}
		place(0, column, img)
		middle := Gap + column*(96+Gap) + 48
		if r, _, _, _ := page.At(middle, Gap+48).RGBA(); r != 0 {
			t.Errorf("nothing is in the place of %v", size)
		}
	}
	if w, h := Size(1, len(sizes), 96, 0); page.Bounds() != image.Rect(0, 0, w, h) {
		t.Errorf("the sheet has %v, not %dx%d", page.Bounds(), w, h)
	}
}
