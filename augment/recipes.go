// SPDX-License-Identifier: Apache-2.0

package augment

// The recipes of the methods, each from its paper, as a function of the view's side in pixels. All but MoCo v1's and
// W-MSE's share the order crop, colour jitter, grayscale, blur, solarize, flip. It is SimCLR's (Chen et al. 2020,
// algorithm of appendix A) with the flip last as in solo-learn; the flip commutes with the rest.
//
// Blur is Pillow's, sigma U[0.1, 2]. Every recipe keeps it, but with P 0 for views of smallView pixels or fewer.

// smallView is the side up to which blur is left out, and SimCLR's colours change less: CIFAR-10's 32 x 32 images
// (SimCLR, appendix B.9).
const smallView = 32

// SimCLRRecipe returns the recipe of both views of SimCLR: Chen et al. 2020, appendix A, with colour strength 1 (jitter
// 0.8, 0.8, 0.8, 0.2), or 0.5 for small views (appendix B.9, and the official command for CIFAR-10). solo-learn, which
// calls it symmetric, has strength 1 also on CIFAR. Bilinear, torchvision's default; the paper does not say.
func SimCLRRecipe(size int) Recipe {
	strength := 1.0
	if size <= smallView {
		strength = 0.5
	}
	return simCLR(crop(size, 0.08, Bilinear), strength)
}

// simCLR is SimCLR's recipe over a crop.
func simCLR(crop RandomResizedCrop, strength float64) Recipe {
	s := strength
	return Recipe{
		crop,
		ColorJitter{P: 0.8, Brightness: 0.8 * s, Contrast: 0.8 * s, Saturation: 0.8 * s, Hue: 0.2 * s},
		Grayscale{P: 0.2},
		blur(crop.Size, 0.5),
		HorizontalFlip{P: 0.5},
	}
}

// MoCoV1Recipe returns the recipe of both views of MoCo: He et al. 2020, section 4, and its published code, which names
// it after instance discrimination (Wu et al. 2018). Gray comes before the colour jitter, which is always applied, with
// much hue; there is no blur.
func MoCoV1Recipe(size int) Recipe {
	return Recipe{
		crop(size, 0.2, Bilinear),
		Grayscale{P: 0.2},
		ColorJitter{P: 1, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.4},
		HorizontalFlip{P: 0.5},
	}
}

// MoCoV2Recipe returns the recipe of both views of MoCo v2: Chen et al. 2020, "Improved baselines with momentum
// contrastive learning", and its published code (crop scale from 0.2, jitter 0.4, 0.4, 0.4, 0.1, bilinear).
func MoCoV2Recipe(size int) Recipe {
	return Recipe{
		crop(size, 0.2, Bilinear),
		ColorJitter{P: 0.8, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1},
		Grayscale{P: 0.2},
		blur(size, 0.5),
		HorizontalFlip{P: 0.5},
	}
}

// SimSiamRecipe returns the recipe of both views of SimSiam, which is MoCo v2's: Chen and He 2020, appendix A,
// "described using PyTorch notations".
func SimSiamRecipe(size int) Recipe {
	return MoCoV2Recipe(size)
}

// BYOLRecipes returns the two recipes of BYOL: Grill et al. 2020, appendix B, table 6. The first view is always
// blurred; the second seldom, and is sometimes solarized. Bicubic, as that appendix says.
func BYOLRecipes(size int) (first, second Recipe) {
	view := func(pBlur, pSolarize float64) Recipe {
		return Recipe{
			crop(size, 0.08, Bicubic),
			ColorJitter{P: 0.8, Brightness: 0.4, Contrast: 0.4, Saturation: 0.2, Hue: 0.1},
			Grayscale{P: 0.2},
			blur(size, pBlur),
			Solarize{P: pSolarize, Threshold: 128},
			HorizontalFlip{P: 0.5},
		}
	}
	return view(1, 0), view(0.1, 0.2)
}

// VICRegRecipe returns the recipe of both views of VICReg: Bardes, Ponce and LeCun 2022, appendix C. It has BYOL's crop
// and jitter, and for both views the mean of BYOL's two probabilities of blur and solarization, as in solo-learn and
// lightly. The official code has BYOL's two recipes.
func VICRegRecipe(size int) Recipe {
	return Recipe{
		crop(size, 0.08, Bicubic),
		ColorJitter{P: 0.8, Brightness: 0.4, Contrast: 0.4, Saturation: 0.2, Hue: 0.1},
		Grayscale{P: 0.2},
		blur(size, 0.5),
		Solarize{P: 0.1, Threshold: 128},
		HorizontalFlip{P: 0.5},
	}
}

// WMSERecipe returns the recipe of all views of W-MSE, from its published code (htdt/self-supervised): the colours
// change before the crop, and nothing is blurred.
func WMSERecipe(size int) Recipe {
	return Recipe{
		ColorJitter{P: 0.8, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1},
		Grayscale{P: 0.1},
		crop(size, 0.2, Bicubic),
		HorizontalFlip{P: 0.5},
	}
}

// ReSSLRecipes returns the two recipes of ReSSL: Zheng et al. 2021. The student's is MoCo v2's; the teacher's is weak,
// a crop and a flip, so that the teacher's output is reliable.
func ReSSLRecipes(size int) (strong, weak Recipe) {
	return MoCoV2Recipe(size), Recipe{crop(size, 0.2, Bilinear), HorizontalFlip{P: 0.5}}
}

// LeJEPARecipe returns the recipe of LeJEPA's views, from its authors' README (rbalestr-lab/lejepa): BYOL's jitter,
// blur and solarization in one recipe. Global views are crops of areas from 0.3 to 1 of the image, local ones from 0.05
// to 0.3.
func LeJEPARecipe(size int, scale [2]float64) Recipe {
	return Recipe{
		within(size, scale, Bilinear),
		ColorJitter{P: 0.8, Brightness: 0.4, Contrast: 0.4, Saturation: 0.2, Hue: 0.1},
		Grayscale{P: 0.2},
		blur(size, 0.5),
		Solarize{P: 0.2, Threshold: 128},
		HorizontalFlip{P: 0.5},
	}
}

// EvalRecipe returns the recipe with which an image is embedded rather than trained on: a short side of 8/7 of size
// (256 for 224, the usual ImageNet evaluation) and the central crop. Images for sizes up to smallView pixels are
// resized without the margin, since CIFAR's images are used whole.
func EvalRecipe(size int) Recipe {
	short := size
	if size > smallView {
		short = (size*8 + 6) / 7
	}
	return Recipe{Resize{Size: short, Interpolation: Bilinear}, CenterCrop{Size: size}}
}

// crop is a random resized crop with areas from least to 1 and torchvision's default ratios.
func crop(size int, least float64, by Interpolation) RandomResizedCrop {
	return within(size, [2]float64{least, 1}, by)
}

// within is crop with areas in scale.
func within(size int, scale [2]float64, by Interpolation) RandomResizedCrop {
	return RandomResizedCrop{P: 1, Size: size, Scale: scale, Ratio: [2]float64{3. / 4, 4. / 3}, Interpolation: by}
}

// blur is Pillow's blur with probability p, or 0 for small views.
func blur(size int, p float64) PILBlur {
	if size <= smallView {
		p = 0
	}
	return PILBlur{P: p, Sigma: [2]float64{0.1, 2}}
}
