// SPDX-License-Identifier: Apache-2.0

package augment

import "math/rand/v2"

// HorizontalFlip swaps left and right with probability P.
type HorizontalFlip struct {
	P float64
}

// Name returns "horizontal_flip".
func (HorizontalFlip) Name() string { return "horizontal_flip" }

// Validate checks P.
func (o HorizontalFlip) Validate() error { return checkP(o.P) }

// Draw returns a [Flip], or nil.
func (o HorizontalFlip) Draw(w, h int, r *rand.Rand) Drawn {
	if !happens(o.P, r) {
		return nil
	}
	return Flip{}
}

// VerticalFlip swaps top and bottom with probability P.
type VerticalFlip struct {
	P float64
}

// Name returns "vertical_flip".
func (VerticalFlip) Name() string { return "vertical_flip" }

// Validate checks P.
func (o VerticalFlip) Validate() error { return checkP(o.P) }

// Draw returns a [Flip], or nil.
func (o VerticalFlip) Draw(w, h int, r *rand.Rand) Drawn {
	if !happens(o.P, r) {
		return nil
	}
	return Flip{Vertical: true}
}

// Flip mirrors the image: left and right, or top and bottom when Vertical. It is its own inverse.
type Flip struct {
	inPlace
	Vertical bool
}

// Apply flips img in place.
func (f Flip) Apply(img *Image) *Image {
	switch {
	case f.Vertical && img.Deep != nil:
		upend(img.Deep, img.C*img.W, img.H)
		return img
	case f.Vertical:
		upend(img.Pix, 3*img.W, img.H)
		return img
	case img.Deep != nil:
		for p, stride := 0, img.C*img.W; p < len(img.Deep); p += stride {
			for a, b := p, p+stride-img.C; a < b; a, b = a+img.C, b-img.C {
				for c := range img.C {
					img.Deep[a+c], img.Deep[b+c] = img.Deep[b+c], img.Deep[a+c]
				}
			}
		}
		return img
	}
	stride := 3 * img.W
	for y := range img.H {
		row := img.Pix[y*stride : (y+1)*stride]
		for a, b := 0, stride-3; a < b; a, b = a+3, b-3 {
			left, right := row[a:a+3:a+3], row[b:b+3:b+3]
			left[0], right[0] = right[0], left[0]
			left[1], right[1] = right[1], left[1]
			left[2], right[2] = right[2], left[2]
		}
	}
	return img
}

// upend swaps the first row with the last one, the second one with the last but one and so on.
func upend[T any](pix []T, stride, rows int) {
	for y, z := 0, rows-1; y < z; y, z = y+1, z-1 {
		top, bottom := pix[y*stride:(y+1)*stride], pix[z*stride:(z+1)*stride]
		for i := range top {
			top[i], bottom[i] = bottom[i], top[i]
		}
	}
}
