// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"math"
	"math/rand/v2"
)

// CenterCrop cuts out the central Size by Size pixels. It centres a smaller image on black (torchvision's CenterCrop).
type CenterCrop struct {
	Size int
}

// Name returns "center_crop".
func (CenterCrop) Name() string { return "center_crop" }

// Validate checks Size.
func (o CenterCrop) Validate() error { return checkSize(o.Size) }

// Draw returns a [Crop] that does not resize. It takes nothing from r.
func (o CenterCrop) Draw(w, h int, r *rand.Rand) Drawn {
	return Crop{
		X: centred(w, o.Size), Y: centred(h, o.Size),
		W: o.Size, H: o.Size, OutW: o.Size, OutH: o.Size,
		Interpolation: Bilinear, // unused: the size stays
	}
}

// centred returns where the middle size pixels of n begin. torchvision rounds half to even when it cuts, and puts the
// odd pixel of padding after the image.
func centred(n, size int) int {
	if size > n {
		return -((size - n) / 2)
	}
	return int(math.RoundToEven(float64(n-size) / 2))
}
