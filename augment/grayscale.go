// SPDX-License-Identifier: Apache-2.0

package augment

import "math/rand/v2"

// Grayscale replaces colour by luma in all three channels, with probability P.
type Grayscale struct {
	P float64
}

// Name returns "grayscale".
func (Grayscale) Name() string { return "grayscale" }

// Validate checks P.
func (o Grayscale) Validate() error { return checkP(o.P) }

// Draw returns a [Gray], or nil.
func (o Grayscale) Draw(w, h int, r *rand.Rand) Drawn {
	if !happens(o.P, r) {
		return nil
	}
	return Gray{}
}

// Gray sets R, G and B to the pixel's luma, and the channels of a deep image to their mean.
type Gray struct {
	inPlace
}

// Apply changes img in place.
func (Gray) Apply(img *Image) *Image {
	if img.Deep != nil {
		return Averaging{}.Apply(img)
	}
	for i := 0; i+2 < len(img.Pix); i += 3 {
		p := img.Pix[i : i+3 : i+3]
		l := luma(p[0], p[1], p[2])
		p[0], p[1], p[2] = l, l, l
	}
	return img
}
