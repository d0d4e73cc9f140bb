// SPDX-License-Identifier: Apache-2.0

package augment

import "math/rand/v2"

// Cutout covers a square with one level, with probability P: DeVries & Taylor 2017, arXiv:1708.04552. The centre of
// the square is drawn from all pixels, so part of the square may lie outside the image. The paper fills in the mean
// colour, after normalisation; the level 128 is close to that.
type Cutout struct {
	P       float64
	Size    int // side of the square in pixels, or the largest side
	MinSize int // smallest side, drawn uniformly up to Size; 0: every square has Size
	Level   int // 0 to 255, of all channels
}

// Name returns "cutout".
func (Cutout) Name() string { return "cutout" }

// Validate checks every field.
func (o Cutout) Validate() error {
	return firstError(checkP(o.P), checkSize(o.Size), checkAmount("min_size", float64(o.MinSize), float64(o.Size)),
		checkAmount("level", float64(o.Level), 255))
}

// Draw returns a [Cover], or nil.
func (o Cutout) Draw(w, h int, r *rand.Rand) Drawn {
	applied := happens(o.P, r)
	x, y, side := r.IntN(max(1, w)), r.IntN(max(1, h)), o.Size
	if o.MinSize > 0 {
		side = o.MinSize + r.IntN(o.Size-o.MinSize+1)
	}
	if !applied {
		return nil
	}
	return Cover{X: x - side/2, Y: y - side/2, W: side, H: side, Level: uint8(o.Level)}
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
		if img.Deep != nil {
			row := img.Deep[img.C*(y*img.W+left) : img.C*(y*img.W+right)]
			for i := range row {
				row[i] = float32(d.Level) / 255
			}
			continue
		}
		row := img.Pix[3*(y*img.W+left) : 3*(y*img.W+right)]
		for i := range row {
			row[i] = d.Level
		}
	}
	return img
}
