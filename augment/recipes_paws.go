// SPDX-License-Identifier: Apache-2.0

package augment

// PAWSRecipes returns the recipes of PAWS's two large views and of its small crops, with the crops' size: Assran et al.
// 2021, appendix C. For images of smallView pixels or fewer they are the official code's for CIFAR-10: equalised and
// solarised, neither blurred nor turned grey, crops from 0.5 of the area if there are no small ones. For larger images
// they are those for ImageNet, whose solarisation has P 0: crops from 0.14, and from 0.08 if there are no small ones.
// Small crops have 9/16 (18 for 32) and 3/7 (96 for 224) of the side.
func PAWSRecipes(size int, small bool) (large, crops Recipe) {
	if size <= smallView {
		least := 0.5
		if small {
			least = 0.75
		}
		view := func(size int, scale [2]float64) Recipe {
			return Recipe{
				cropped(size, scale),
				HorizontalFlip{P: 0.5},
				ColorJitter{P: 0.8, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1},
				Solarize{P: 0.2, Threshold: 256, RandomThreshold: true},
				Equalize{P: 0.2},
			}
		}
		return view(size, [2]float64{least, 1}), view(max(1, size*9/16), [2]float64{0.3, 0.75})
	}
	view := func(size int, scale [2]float64) Recipe {
		return Recipe{
			cropped(size, scale),
			HorizontalFlip{P: 0.5},
			ColorJitter{P: 0.8, Brightness: 0.8, Contrast: 0.8, Saturation: 0.8, Hue: 0.2},
			Grayscale{P: 0.2},
			PILBlur{P: 0.5, Sigma: [2]float64{0.1, 2}},
			Solarize{Threshold: 256, RandomThreshold: true},
		}
	}
	least := 0.08
	if small {
		least = 0.14
	}
	return view(size, [2]float64{least, 1}), view(size*3/7, [2]float64{0.05, 0.14})
}

// cropped is a random resized crop with areas in scale.
func cropped(size int, scale [2]float64) RandomResizedCrop {
	return RandomResizedCrop{P: 1, Size: size, Scale: scale, Ratio: [2]float64{3. / 4, 4. / 3}, Interpolation: Bilinear}
}
