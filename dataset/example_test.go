// SPDX-License-Identifier: Apache-2.0

package dataset_test

import (
	"context"
	"fmt"
	"log"
	"os"

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

// Parquet files with a column of images, as Hugging Face has them, are unpacked into the cache once.
func ExampleOpen_parquet() {
	cache, err := os.MkdirTemp("", "parallax")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(cache)
	s, err := dataset.Open("testdata/huggingface", dataset.Options{CacheDir: cache})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	fmt.Println(s.Len(), "images of", s.Split, "with the classes", s.Classes)
	fmt.Println(s.Name(0), s.Classes[s.Label(0)])
	// Output:
	// 12 images of train with the classes [zebra automobile bird]
	// data/train-00000-of-00002/00000000.png zebra
}
