// SPDX-License-Identifier: Apache-2.0

package sheet

import (
	"image/color"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// TestStrips: each picture is in its place, in rows of two, and a nil one is grey.
func TestStrips(t *testing.T) {
	const side = 40
	black := augment.NewImage(20, 10)
	page := Strips([]Strip{
		{"a long title, and ünïcode that does not fit in the width",
			[]Cell{{black, "one"}, {nil, "two"}, {black, "three"}}},
		{"nothing", nil},
		{"last", []Cell{{black, ""}}},
	}, side, 2)
	row := side + line + Gap
	wantW, wantH := Gap+2*(side+Gap), Gap+(line+2*row+Gap)+(line+Gap)+(line+row+Gap)
	if b := page.Bounds(); b.Dx() != wantW || b.Dy() != wantH {
		t.Errorf("the page has %v, want %d x %d", b, wantW, wantH)
	}
	first, second := Gap+line, Gap+line+row
	last := Gap + (line + 2*row + Gap) + (line + Gap) + line
	for _, c := range []struct {
		x, y int
		want color.Color
	}{
		{Gap + side/2, first + side/2, color.Black}, {Gap + side + Gap + side/2, first + side/2, grey},
		{Gap + side/2, second + side/2, color.Black}, {Gap + side/2, last + side/2, color.Black},
		{Gap + side/2, first + 2, color.White}, // above a picture that is wider than high
	} {
		r, g, b, _ := page.At(c.x, c.y).RGBA()
		wr, wg, wb, _ := c.want.RGBA()
		if r != wr || g != wg || b != wb {
			t.Errorf("at %d, %d: %v, want %v", c.x, c.y, page.At(c.x, c.y), c.want)
		}
	}
}

func TestThumbnail(t *testing.T) {
	for _, c := range [][4]int{{400, 200, 100, 50}, {5000, 1, 100, 1}, {30, 20, 30, 20}} {
		if b := Thumbnail(augment.NewImage(c[0], c[1]), 100).Bounds(); b.Dx() != c[2] || b.Dy() != c[3] {
			t.Errorf("%v became %v", c, b)
		}
	}
}
