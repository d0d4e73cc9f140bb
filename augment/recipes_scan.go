// SPDX-License-Identifier: Apache-2.0

package augment

// SCANStrongRecipe returns the strong view of SCAN: Van Gansbeke et al. 2020, section 3.1, with the ranges of the
// official code (data/augment.py of wvangansbeke/Unsupervised-Classification at 57dff92). It has a flip, four
// transformations of RandAugment, and Cutout of a square with a side from 1 pixel to half the view (16 of 32) or, above
// smallView pixels, to a third (75 of 224). Images of smallView pixels or fewer are used whole; larger ones are resized
// and cut at random (256 and 224). SCAN's weak view is [EvalRecipe].
func SCANStrongRecipe(size int) Recipe {
	r, cover := EvalRecipe(size), max(1, size/2)
	if size > smallView {
		r[1], cover = RandomCrop{Size: size}, (size*75+112)/224
	}
	return append(r, HorizontalFlip{P: 0.5}, RandAugment{P: 1, Count: 4, Shear: 0.1, Shift: 0.1},
		Cutout{P: 1, Size: cover, MinSize: 1, Level: 128})
}

// SCANHeadsRecipe returns the view with which SCAN trains heads alone: in the official configs for ImageNet
// (configs/scan/scan_imagenet_50.yml) MoCo v2's crop and colours, without blur.
func SCANHeadsRecipe(size int) Recipe {
	r := MoCoV2Recipe(size)
	r[3] = PILBlur{Sigma: [2]float64{0.1, 2}}
	return r
}
