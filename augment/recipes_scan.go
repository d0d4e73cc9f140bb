// SPDX-License-Identifier: Apache-2.0

package augment

// SCANStrongRecipe returns the strong view of SCAN: Van Gansbeke et al. 2020, section 3.1. It has a flip, four
// transformations of RandAugment, and Cutout of half the side (16 of 32 pixels, as on CIFAR-10). Images of smallView
// pixels or fewer are used whole, as there; larger ones are cropped from 0.2 of the area. SCAN's weak view is
// [EvalRecipe].
func SCANStrongRecipe(size int) Recipe {
	r := Recipe{Resize{Size: size, Interpolation: Bilinear}, CenterCrop{Size: size}}
	if size > smallView {
		r = Recipe{crop(size, 0.2, Bilinear)}
	}
	return append(r, HorizontalFlip{P: 0.5}, RandAugment{P: 1, Count: 4},
		Cutout{P: 1, Size: (size + 1) / 2, Level: 128})
}
