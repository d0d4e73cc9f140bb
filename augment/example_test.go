// SPDX-License-Identifier: Apache-2.0

package augment_test

import (
	"fmt"

	"github.com/parallax-ssl/parallax/augment"
)

// A view is a pure function of the image, the recipe and four counters; what was drawn can be read, kept and applied
// again.
func ExampleRecipe() {
	img := augment.NewImage(40, 30)
	for i := range img.Pix {
		img.Pix[i] = uint8(i)
	}
	recipe := augment.SimCLRRecipe(32)

	drawn := recipe.Draw(img.W, img.H, augment.ViewRand(5, 0, 17, 1)) // seed 5, epoch 0, image 17, second view
	for _, d := range drawn {
		fmt.Printf("%T\n", d)
	}
	view := augment.Replay(img, drawn)
	again := recipe.View(img, augment.ViewRand(5, 0, 17, 1))
	fmt.Println(view.W, view.H, string(view.Pix) == string(again.Pix))

	// Output:
	// augment.Crop
	// augment.Sequence
	// augment.Flip
	// 32 32 true
}
