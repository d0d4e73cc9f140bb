// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"math"
	"sync"
)

// Hue turns every pixel's hue by Shift of the colour circle, through Pillow's 8-bit HSV. Even a shift of 0 may change a
// level a little: 8-bit HSV cannot represent every RGB colour. Channels that
// are no colours have no hue: a deep image stays as it is.
type Hue struct {
	inPlace
	Shift float64 // -0.5 to 0.5
}

// Apply changes img in place.
func (d Hue) Apply(img *Image) *Image {
	if img.Deep != nil {
		return img
	}
	t := hueTables()
	turned := turn(d.steps())
	pix := img.Pix
	for i := 0; i+2 < len(pix); i += 3 {
		p := pix[i : i+3 : i+3]
		r, g, b := int(p[0]), int(p[1]), int(p[2])

		var sector, high, mid, low int
		if r >= g {
			if g >= b {
				sector, high, mid, low = 0, r, g, b
			} else if r >= b {
				sector, high, mid, low = 1, r, b, g
			} else {
				sector, high, mid, low = 2, b, r, g
			}
		} else {
			if r >= b {
				sector, high, mid, low = 3, g, r, b
			} else if g >= b {
				sector, high, mid, low = 4, g, b, r
			} else {
				sector, high, mid, low = 5, b, g, r
			}
		}
		chroma := high - low
		s := t.saturation[(high<<8|chroma)&0xffff]
		v := uint8(high)
		if s == 0 {
			p[0], p[1], p[2] = v, v, v
			continue
		}
		to := &turned[t.hue[(sector<<16|chroma<<8|(high-mid))%len(t.hue)]]
		fs := float64(t.fraction[s])
		least := roundHalfUp(float64(float64(v) * (1 - fs)))
		between := roundHalfUp(float64(float64(v) * (1 - float64(fs*to.weight))))
		switch to.sector {
		case 0:
			p[0], p[1], p[2] = v, between, least
		case 1:
			p[0], p[1], p[2] = between, v, least
		case 2:
			p[0], p[1], p[2] = least, v, between
		case 3:
			p[0], p[1], p[2] = least, between, v
		case 4:
			p[0], p[1], p[2] = between, least, v
		default:
			p[0], p[1], p[2] = v, least, between
		}
	}
	return img
}

// steps is the shift of an 8-bit hue: toward zero, then modulo 256, as torchvision's adjust_hue.
func (d Hue) steps() uint8 { return uint8(int32(d.Shift * 255)) }

// roundHalfUp rounds a value of 0..255 to a level.
func roundHalfUp(v float64) uint8 { return uint8(int32(v + 0.5)) }

// turnedHue says how a hue is drawn in RGB: the sixth of the circle it lies in, and how far the middle channel has
// moved from the highest one toward the lowest, as a share of the saturation.
type turnedHue struct {
	sector int
	weight float64
}

// turn returns, for each 8-bit hue, where it lies after adding shift modulo 256.
func turn(shift uint8) *[256]turnedHue {
	var t [256]turnedHue
	for h := range t {
		sixths := float64(uint8(h)+shift) * 6 / 255
		sector := int(sixths)                           // 0 to 6; 6 is 0 again
		f := float64(float32(sixths - float64(sector))) // Pillow keeps the remainder in float32
		// the middle channel rises in even sectors and falls in odd ones
		if sector%2 == 0 {
			f = 1 - f
		}
		t[h] = turnedHue{sector % 6, f}
	}
	return &t
}

// hsvTables is the RGB to HSV half of Pillow's conversion, by whole numbers.
type hsvTables struct {
	hue        [6 << 16]uint8 // by which channels are highest and lowest (6 ways), highest-lowest, highest-middle
	saturation [1 << 16]uint8 // by highest, highest-lowest
	fraction   [256]float32   // saturation / 255
}

var hueTables = sync.OnceValue(func() *hsvTables {
	t := new(hsvTables)
	for high := 1; high < 256; high++ {
		t.fraction[high] = float32(float64(high) / 255)
		for chroma := 1; chroma <= high; chroma++ {
			t.saturation[high<<8|chroma] = uint8(float64(float32(chroma)/float32(high)) * 255)
		}
	}
	for chroma := 1; chroma < 256; chroma++ {
		for d := 0; d <= chroma; d++ {
			// Distances of R, G and B from the highest level, for each of the orders that Apply tells apart.
			for sector, below := range [6][3]int{{0, d, chroma}, {0, chroma, d}, {d, chroma, 0}, {d, 0, chroma},
				{chroma, 0, d}, {chroma, d, 0}} {
				t.hue[sector<<16|chroma<<8|d] = hue(below, float32(chroma))
			}
		}
	}
	return t
})

// hue is Pillow's 8-bit hue of a pixel whose channels lie below the highest level by the given amounts; the mixture of
// float32 and float64 is part of its result.
func hue(below [3]int, chroma float32) uint8 {
	r, g, b := float32(below[0])/chroma, float32(below[1])/chroma, float32(below[2])/chroma
	var h float32
	switch {
	case below[0] == 0:
		h = b - g
	case below[1] == 0:
		h = float32(2 + float64(r) - float64(b))
	default:
		h = float32(4 + float64(g) - float64(r))
	}
	h = float32(math.Mod(float64(h)/6+1, 1))
	return uint8(float64(h) * 255)
}
