// SPDX-License-Identifier: Apache-2.0

package augment_test

import (
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// benchmarkViews measures whole views of one image, normalised floats included: a loader's work without the decoding.
func benchmarkViews(b *testing.B, w, h int, recipes ...augment.Recipe) {
	img := photo(w, h)
	norm := augment.Normalize{Mean: []float32{0.4914, 0.4822, 0.4465}, Std: []float32{0.2470, 0.2435, 0.2616}}
	var dst []float32
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		view := recipes[n%len(recipes)].View(img, augment.ViewRand(1, 0, n, 0))
		if len(dst) != len(view.Pix) {
			dst = make([]float32, len(view.Pix))
		}
		norm.CHW(dst, view)
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "views/s")
}

func BenchmarkView32(b *testing.B) {
	first, second := augment.BYOLRecipes(32)
	b.Run("simclr", func(b *testing.B) { benchmarkViews(b, 32, 32, augment.SimCLRRecipe(32)) })
	b.Run("byol", func(b *testing.B) { benchmarkViews(b, 32, 32, first, second) })
}

func BenchmarkView224(b *testing.B) {
	first, second := augment.BYOLRecipes(224)
	b.Run("simclr", func(b *testing.B) { benchmarkViews(b, 500, 375, augment.SimCLRRecipe(224)) })
	b.Run("byol", func(b *testing.B) { benchmarkViews(b, 500, 375, first, second) })
}
