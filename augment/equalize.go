// SPDX-License-Identifier: Apache-2.0

package augment

import "math/rand/v2"

// Equalize flattens each channel's histogram with probability P. PAWS uses it on CIFAR-10 (Assran et al. 2021).
type Equalize struct {
	P float64
}

// Name returns "equalize".
func (Equalize) Name() string { return "equalize" }

// Validate checks P.
func (o Equalize) Validate() error { return checkP(o.P) }

// Draw returns an [Equalization], or nil.
func (o Equalize) Draw(w, h int, r *rand.Rand) Drawn {
	if !happens(o.P, r) {
		return nil
	}
	return Equalization{}
}

// Equalization maps each channel through its cumulative histogram, in whole numbers as Pillow's ImageOps.equalize does.
// A deep image has no 256 levels, and stays as it is.
type Equalization struct {
	inPlace
}

// Apply equalizes img in place.
func (Equalization) Apply(img *Image) *Image {
	if img.Deep != nil {
		return img
	}
	var count [3][256]int
	for i := 0; i+2 < len(img.Pix); i += 3 {
		count[0][img.Pix[i]]++
		count[1][img.Pix[i+1]]++
		count[2][img.Pix[i+2]]++
	}
	var lut [3][256]uint8
	for c := range lut {
		equalizeTable(&lut[c], &count[c])
	}
	for i := 0; i+2 < len(img.Pix); i += 3 {
		img.Pix[i] = lut[0][img.Pix[i]]
		img.Pix[i+1] = lut[1][img.Pix[i+1]]
		img.Pix[i+2] = lut[2][img.Pix[i+2]]
	}
	return img
}

// equalizeTable fills one channel's table: level v becomes (step/2 + pixels below v) / step, where step is the number
// of pixels per output level, not counting those of the highest level. With fewer than one pixel per level nothing
// changes; that includes a channel with a single level.
func equalizeTable(lut *[256]uint8, count *[256]int) {
	total, last := 0, 0
	for _, n := range count {
		total += n
		if n > 0 {
			last = n
		}
	}
	step := (total - last) / 255
	below := step / 2
	for v, n := range count {
		lut[v] = uint8(v)
		if step > 0 {
			lut[v] = uint8(min(below/step, 255))
		}
		below += n
	}
}
