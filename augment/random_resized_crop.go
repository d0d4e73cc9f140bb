// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"math"
	"math/rand/v2"
)

// RandomResizedCrop cuts out a box of random area and shape and resizes it to Size by Size pixels. With probability 1-P
// it resizes the whole image to Size by Size instead, so set P to 1 unless you want that.
//
// The box is found as in torchvision's RandomResizedCrop, after Szegedy et al. 2015. Its area is U[Scale] of the
// image's; its width over height is log-uniform in Ratio. The first of ten draws that fits is placed uniformly; after
// ten misses the box is the largest central one with a ratio in range.
type RandomResizedCrop struct {
	P             float64
	Size          int        // side of the result, in pixels
	Scale         [2]float64 // least and greatest share of the area, in (0, 1]
	Ratio         [2]float64 // least and greatest width / height; 3/4 and 4/3 in the literature
	Interpolation Interpolation
}

// Name returns "random_resized_crop".
func (RandomResizedCrop) Name() string { return "random_resized_crop" }

// Validate checks every field.
func (o RandomResizedCrop) Validate() error {
	return firstError(
		checkP(o.P),
		checkSize(o.Size),
		checkRange("scale", o.Scale, 1e-6, 1),
		checkRange("ratio", o.Ratio, 1e-3, 1e3),
		o.Interpolation.check(),
	)
}

// Draw returns a [Crop].
func (o RandomResizedCrop) Draw(w, h int, r *rand.Rand) Drawn {
	applied := happens(o.P, r)
	c := Crop{OutW: o.Size, OutH: o.Size, Interpolation: o.Interpolation}
	c.X, c.Y, c.W, c.H = o.box(w, h, r)
	if !applied {
		c.X, c.Y, c.W, c.H = 0, 0, w, h
	}
	return c
}

// box draws the box in an image of w by h pixels.
func (o RandomResizedCrop) box(w, h int, r *rand.Rand) (x, y, bw, bh int) {
	low, high := math.Log(o.Ratio[0]), math.Log(o.Ratio[1])
	for range 10 {
		area := uniform(o.Scale[0], o.Scale[1], r) * float64(w) * float64(h)
		ratio := math.Exp(uniform(low, high, r))
		bw = int(math.RoundToEven(math.Sqrt(area * ratio)))
		bh = int(math.RoundToEven(math.Sqrt(area / ratio)))
		if bw >= 1 && bw <= w && bh >= 1 && bh <= h {
			return r.IntN(w - bw + 1), r.IntN(h - bh + 1), bw, bh
		}
	}
	bw, bh = w, h
	switch ratio := float64(w) / float64(h); {
	case ratio < o.Ratio[0]:
		bh = max(1, int(math.RoundToEven(float64(w)/o.Ratio[0])))
	case ratio > o.Ratio[1]:
		bw = max(1, int(math.RoundToEven(float64(h)*o.Ratio[1])))
	}
	return (w - bw) / 2, (h - bh) / 2, bw, bh
}
