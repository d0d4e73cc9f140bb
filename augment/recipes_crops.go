// SPDX-License-Identifier: Apache-2.0

package augment

// SwAVRecipe returns the recipe of one crop of SwAV, large or small: SimCLR's colours, of strength 1, and blur over a
// crop with the given share of the image's area. Caron et al. 2020, appendix A. The published code has 0.14 to 1 at 224
// pixels and 0.05 to 0.14 at 96 in the multi-crop runs, and 0.08 to 1 with two large crops alone. DeepCluster-v2 of the
// same paper has the same recipe.
func SwAVRecipe(size int, scale [2]float64) Recipe {
	return simCLR(within(size, scale, Bilinear), 1)
}

// DINORecipes returns the recipes of DINO's two global crops, with the given share of the image's area. They are
// BYOL's: the first is always blurred, the second seldom, and sometimes solarized. Caron et al. 2021, section 3.2; the
// published code has 0.4 to 1 with ViTs, 0.14 to 1 with ResNets.
func DINORecipes(size int, scale [2]float64) (first, second Recipe) {
	first, second = BYOLRecipes(size)
	first[0], second[0] = within(size, scale, Bicubic), within(size, scale, Bicubic)
	return first, second
}

// DINOLocalRecipe returns the recipe of DINO's local crops, blurred half of the time and never solarized: 96 pixels
// with 0.05 to 0.4 of the area for ViTs and 0.05 to 0.14 for ResNets in the published code.
func DINOLocalRecipe(size int, scale [2]float64) Recipe {
	r, _ := BYOLRecipes(size)
	r[0], r[3] = within(size, scale, Bicubic), blur(size, 0.5)
	return r
}
