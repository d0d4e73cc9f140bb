// SPDX-License-Identifier: Apache-2.0

package augment_test

import (
	"image"
	"image/color"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// stranger is an image of a type that FromImage does not know.
type stranger struct{ image.Image }

// An image, a part of a larger one, and one of another type with the same pixels come out alike. Under an alpha channel
// colours stay as they are.
func TestFromImage(t *testing.T) {
	large := image.NewNRGBA(image.Rect(-2, -1, 4, 5))
	for y := -1; y < 5; y++ {
		for x := -2; x < 4; x++ {
			large.SetNRGBA(x, y, color.NRGBA{uint8(40*x + 100), uint8(30*y + 50), 7, uint8(100 + x)})
		}
	}
	part := large.SubImage(image.Rect(1, 2, 3, 5))
	want := &augment.Image{W: 2, H: 3, Pix: []uint8{140, 110, 7, 180, 110, 7, 140, 140, 7, 180, 140, 7, 140, 170, 7,
		180, 170, 7}}
	for name, img := range map[string]image.Image{"part": part, "stranger": stranger{part}} {
		if got := augment.FromImage(img); got.W != want.W || got.H != want.H || !slices.Equal(got.Pix, want.Pix) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	grey := image.NewGray16(image.Rect(0, 0, 1, 1))
	grey.SetGray16(0, 0, color.Gray16{0x1234})
	if got := augment.FromImage(grey).Pix; !slices.Equal(got, []uint8{0x12, 0x12, 0x12}) {
		t.Errorf("grey of 16 bits: %v", got)
	}
}
