// SPDX-License-Identifier: Apache-2.0

package corrupt_test

import (
	"fmt"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/augment/corrupt"
)

// A recipe that ends with a corruption makes the same corrupted view for the same seed and image.
func ExampleCorruption() {
	img := augment.NewImage(48, 48)
	recipe := append(augment.EvalRecipe(32), corrupt.Corruption{Kind: corrupt.Brightness, Strength: 5})
	view := recipe.View(img, augment.ViewRand(1, 0, 0, 0))
	fmt.Println(view.W, view.H, view.Pix[:3])
	// Output: 32 32 [76 76 76]
}
