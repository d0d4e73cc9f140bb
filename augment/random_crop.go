// SPDX-License-Identifier: Apache-2.0

package augment

import "math/rand/v2"

// RandomCrop cuts out Size by Size pixels at a random place (torchvision's RandomCrop). It does not resize: it centres
// a smaller image on black.
type RandomCrop struct {
	Size int
}

// Name returns "random_crop".
func (RandomCrop) Name() string { return "random_crop" }

// Validate checks Size.
func (o RandomCrop) Validate() error { return checkSize(o.Size) }

// Draw returns a [Crop] that does not resize.
func (o RandomCrop) Draw(w, h int, r *rand.Rand) Drawn {
	c := CenterCrop(o).Draw(w, h, nil).(Crop)
	x, y := r.IntN(max(1, w-o.Size+1)), r.IntN(max(1, h-o.Size+1))
	if w > o.Size {
		c.X = x
	}
	if h > o.Size {
		c.Y = y
	}
	return c
}
