// SPDX-License-Identifier: Apache-2.0

package augment

import "math/rand/v2"

// Resize makes the short side Size pixels long and keeps the aspect ratio: the long side becomes Size*long/short,
// rounded down (torchvision's Resize with one number).
type Resize struct {
	Size          int
	Interpolation Interpolation
}

// Name returns "resize".
func (Resize) Name() string { return "resize" }

// Validate checks every field.
func (o Resize) Validate() error { return firstError(checkSize(o.Size), o.Interpolation.check()) }

// Draw returns a [Crop] of the whole image. It takes nothing from r.
func (o Resize) Draw(w, h int, r *rand.Rand) Drawn {
	c := Crop{W: w, H: h, OutW: o.Size, OutH: o.Size, Interpolation: o.Interpolation}
	if w < h {
		c.OutH = o.Size * h / max(1, w)
	} else {
		c.OutW = o.Size * w / max(1, h)
	}
	return c
}
