// SPDX-License-Identifier: Apache-2.0

package part

import (
	"errors"
	"fmt"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/torch"
)

// Crops are the views of a multi-crop method (SwAV, section 3.2): large crops of the images' size, and small crops of a
// smaller part of the image, which cost little. The large ones come first.
type Crops struct {
	LargeCrops int        // views of the images' size; they give the targets
	SmallCrops int        // additional small views, which only predict
	SmallSize  int        // side of a small crop in pixels; a large crop has the images' size
	LargeScale [2]float64 // smallest and largest share of the image's area in a large crop
	SmallScale [2]float64 // smallest and largest share of the image's area in a small crop
}

// TwoCrops are SwAV's two large crops without small ones (scripts/swav_400ep_2x224_pretrain.sh of the official code).
// It also sets the size and scale of small crops, for users who add some.
func TwoCrops() Crops {
	return Crops{LargeCrops: 2, SmallSize: 96, LargeScale: [2]float64{0.08, 1}, SmallScale: [2]float64{0.05, 0.14}}
}

// Check checks the hyperparameters.
func (c *Crops) Check() error {
	if c.LargeCrops == 1 && c.SmallCrops == 0 {
		return errors.New("method.large_crops is 1 without small ones: one view has nothing to be compared with, so " +
			"set it to 2 or more")
	}
	return First(
		AtLeast("large_crops", c.LargeCrops, 1),
		AtLeast("small_crops", c.SmallCrops, 0),
		AtLeast("small_size", c.SmallSize, 1),
		area("large_scale", c.LargeScale), area("small_scale", c.SmallScale),
	)
}

func area(name string, scale [2]float64) error {
	if scale[0] > 0 && scale[0] <= scale[1] && scale[1] <= 1 {
		return nil
	}
	return fmt.Errorf("method.%s is %v: it must be the least and the greatest share of an image's area, above 0 and "+
		"up to 1", name, scale)
}

// Recipes returns SwAV's recipe for every crop; crops differ in size and scale (appendix A).
func (c *Crops) Recipes(size int) []augment.Recipe {
	large, small := augment.SwAVRecipe(size, c.LargeScale), augment.SwAVRecipe(c.SmallSize, c.SmallScale)
	return append(InTurn(c.LargeCrops, large), InTurn(c.SmallCrops, small)...)
}

// EmbedCrops returns z of every crop, N x d each. Crops of one size go through the backbone together, and all crops go
// through the projector together, so that batch norm sees what it sees in the official code of SwAV and DINO
// (https://github.com/facebookresearch/swav/blob/06b1b7cbaf6ba2a792300d79c7299db98b93b7f9/src/resnet50.py, forward).
func EmbedCrops(e parallax.Encoder, crops []torch.Tensor) []torch.Tensor {
	var sizes []torch.Tensor
	for from := 0; from < len(crops); {
		to := from + 1
		for to < len(crops) && crops[to].Size(3) == crops[from].Size(3) {
			to++
		}
		sizes = append(sizes, torch.Cat(0, crops[from:to]...))
		from = to
	}
	h := torch.Cat(0, parallax.Each(e.Backbone, sizes)...)
	return parallax.Each(e.Projector, []torch.Tensor{h})[0].Chunk(0, len(crops))
}
