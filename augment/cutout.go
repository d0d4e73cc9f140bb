// SPDX-License-Identifier: Apache-2.0

package augment

import "math/rand/v2"

// Cutout covers a square with one level, with probability P: DeVries & Taylor 2017, arXiv:1708.04552. The centre of
// the square is drawn from all pixels, so part of the square may lie outside the image. The paper fills in the mean
// colour, after normalisation; the level 128 is close to that.
type Cutout struct {
	P     float64
	Size  int // side of the square in pixels
	Level int // 0 to 255, of all three channels
}

// Name returns "cutout".
func (Cutout) Name() string { return "cutout" }

// Validate checks P, Size and Level.
func (o Cutout) Validate() error {
	return firstError(checkP(o.P), checkSize(o.Size), checkAmount("level", float64(o.Level), 255))
}

// Draw returns a [Cover], or nil.
func (o Cutout) Draw(w, h int, r *rand.Rand) Drawn {
	applied := happens(o.P, r)
	x, y := r.IntN(max(1, w)), r.IntN(max(1, h))
	if !applied {
		return nil
	}
	return Cover{X: x - o.Size/2, Y: y - o.Size/2, W: o.Size, H: o.Size, Level: uint8(o.Level)}
}

// Cover paints the box of W by H pixels with its top left corner at column X, row Y in one level. The box may leave the
// image.
type Cover struct {
	inPlace
	X, Y, W, H int
	Level      uint8
}

// Apply paints img in place.
func (d Cover) Apply(img *Image) *Image {
	left, right := max(0, d.X), min(img.W, d.X+d.W)
	for y := max(0, d.Y); y < min(img.H, d.Y+d.H) && left < right; y++ {
		row := img.Pix[3*(y*img.W+left) : 3*(y*img.W+right)]
		for i := range row {
			row[i] = d.Level
		}
	}
	return img
}
