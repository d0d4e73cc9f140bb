// SPDX-License-Identifier: Apache-2.0

package augment_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// TestCropsThatFollowEachOther compares crops that are computed together with the same crops one after the other, over
// images of all shapes.
func TestCropsThatFollowEachOther(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	side := func() int { return 1 + r.IntN(1+r.IntN(90)) }
	crop := func(w, h int) augment.Crop {
		c := augment.Crop{X: r.IntN(w+8) - 4, Y: r.IntN(h+8) - 4, W: side(), H: side(),
			Interpolation: []augment.Interpolation{augment.Bilinear, augment.Bicubic}[r.IntN(2)]}
		c.OutW, c.OutH = []int{c.W, side()}[r.IntN(2)], []int{c.H, side()}[r.IntN(2)]
		return c
	}
	for range 3000 {
		img := photo(side(), side())
		var drawn []augment.Drawn
		w, h := img.W, img.H
		for range 1 + r.IntN(4) {
			var d augment.Drawn = crop(w, h)
			switch r.IntN(6) {
			case 0:
				d = augment.Resize{Size: side(), Interpolation: augment.Bilinear}.Draw(w, h, nil)
			case 1:
				d = augment.CenterCrop{Size: side()}.Draw(w, h, nil)
			case 2:
				d = augment.Flip{}
			}
			drawn = append(drawn, d)
			w, h = d.Size(w, h)
		}
		want := img.Clone()
		for _, d := range drawn {
			want = d.Apply(want)
		}
		got := augment.Replay(img, drawn)
		if got.W != want.W || got.H != want.H || !bytes.Equal(got.Pix, want.Pix) {
			t.Fatalf("seed %d, %dx%d pixels: %+v together are not the same as one by one", seed, img.W, img.H, drawn)
		}
	}
}

// TestThinImages makes the views of images that are thousands of times longer than wide. The whole resized image would
// take gigabytes.
func TestThinImages(t *testing.T) {
	for name, recipe := range map[string]augment.Recipe{
		"evaluation": augment.EvalRecipe(224), "evaluation of small views": augment.EvalRecipe(32),
		"scan": augment.SCANStrongRecipe(224), "simclr": augment.SimCLRRecipe(224),
		"wmse": augment.WMSERecipe(224), "own": {augment.Resize{Size: 256, Interpolation: augment.Bicubic},
			augment.RandomResizedCrop{P: 1, Size: 32, Scale: [2]float64{1e-6, 1e-4}, Ratio: [2]float64{1, 1},
				Interpolation: augment.Bilinear}},
	} {
		for _, img := range []*augment.Image{augment.NewImage(60000, 1), augment.NewImage(1, 60000)} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			view := recipe.View(img, augment.ViewRand(1, 0, 0, 0))
			runtime.ReadMemStats(&after)
			if made := after.TotalAlloc - before.TotalAlloc; made > 32<<20 {
				t.Errorf("%s of %dx%d: %d MB allocated for a view of %dx%d", name, img.W, img.H, made>>20, view.W,
					view.H)
			}
		}
	}
}

// TestLargest checks what a recipe is said to make, where crops are computed together and where they are not.
func TestLargest(t *testing.T) {
	for name, c := range map[string]struct {
		recipe augment.Recipe
		want   int
	}{
		"together": {augment.EvalRecipe(224), 224 * 224},
		"apart": {augment.Recipe{augment.Resize{Size: 256, Interpolation: augment.Bilinear},
			augment.HorizontalFlip{P: 1}, augment.CenterCrop{Size: 224}}, 256 * 256 * 6000},
	} {
		drawn := c.recipe.Draw(6000, 1, augment.ViewRand(1, 0, 0, 0))
		if got := augment.Largest(6000, 1, drawn); got != c.want {
			t.Errorf("%s: %d pixels, want %d", name, got, c.want)
		}
	}
}
