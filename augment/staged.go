// SPDX-License-Identifier: Apache-2.0

package augment

import "math"

// Staged returns the recipe for an early stage of training: for views whose side is the share to/from of the recipe's
// own, with crops and colours of a strength from 0 to 1. Koçyiğit, Hospedales and Bilen (2022, arXiv:2212.05611) let
// both grow during training. Strength moves the least area of a random resized crop from the greatest (0) to the
// recipe's (1), and multiplies the amounts of the jitters. A recipe and its staged form draw the same random numbers.
func (r Recipe) Staged(from, to int, strength float64) Recipe {
	side := func(size int) int {
		return max(1, int(math.Round(float64(size)*float64(to)/float64(from))))
	}
	staged := make(Recipe, len(r))
	for i, op := range r {
		switch o := op.(type) {
		case RandomResizedCrop:
			o.Size = side(o.Size)
			o.Scale[0] = strength*o.Scale[0] + (1-strength)*o.Scale[1] // exact at strengths 0 and 1
			op = o
		case RandomCrop:
			o.Size = side(o.Size)
			op = o
		case CenterCrop:
			o.Size = side(o.Size)
			op = o
		case Resize:
			o.Size = side(o.Size)
			op = o
		case Cutout:
			if o.MinSize > 0 {
				o.MinSize = side(o.MinSize)
			}
			o.Size = side(o.Size)
			op = o
		case ColorJitter:
			o.Brightness, o.Contrast = strength*o.Brightness, strength*o.Contrast
			o.Saturation, o.Hue = strength*o.Saturation, strength*o.Hue
			op = o
		case ChannelJitter:
			o.Brightness, o.Contrast = strength*o.Brightness, strength*o.Contrast
			op = o
		}
		staged[i] = op
	}
	return staged
}
