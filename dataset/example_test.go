// SPDX-License-Identifier: Apache-2.0

package dataset_test

import (
	"context"
	"fmt"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
)

// Two views of every image, in the order of epoch 0, from the data set that needs no download.
func Example() {
	data, err := dataset.Open("synthetic:512", dataset.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer data.Close()
	stats, err := dataset.ChannelStats(context.Background(), data, 256)
	if err != nil {
		fmt.Println(err)
		return
	}
	recipe := augment.SimCLRRecipe(32)
	loader := &dataset.Loader{
		Data: data, Recipes: []augment.Recipe{recipe, recipe}, Normalize: stats, Batch: 128, Seed: 1,
	}
	for batch, err := range loader.Epoch(context.Background(), 0, 0) {
		if err != nil {
			fmt.Println(err)
			return
		}
		a := batch.Views[0]
		fmt.Printf("batch %d: %d views of %d x %d x %d x %d\n", batch.At, len(batch.Views), a.N, a.C, a.H, a.W)
		batch.Release()
	}
	// Output:
	// batch 0: 2 views of 128 x 3 x 32 x 32
	// batch 1: 2 views of 128 x 3 x 32 x 32
	// batch 2: 2 views of 128 x 3 x 32 x 32
	// batch 3: 2 views of 128 x 3 x 32 x 32
}
