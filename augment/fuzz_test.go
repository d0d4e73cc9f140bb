// SPDX-License-Identifier: Apache-2.0

package augment_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// FuzzApply applies every kind of operation, with any parameters, to images of any size. None may panic; each returns
// the size it promised, and the same pixels twice.
func FuzzApply(f *testing.F) {
	f.Add(uint8(1), uint8(1), uint64(0), 0, 0, 1, 1, 1, 1, 1.0)
	f.Add(uint8(5), uint8(60), uint64(1), -3, 2, 9, 100, 32, 32, 0.1)
	f.Add(uint8(60), uint8(5), uint64(2), 50, 7, 200, 1, 7, 90, 6.5)
	f.Add(uint8(9), uint8(9), uint64(3), 1<<40, -1<<40, -5, 0, -1, 0, -1e300)
	f.Fuzz(func(t *testing.T, w, h uint8, seed uint64, x, y, bw, bh, outW, outH int, v float64) {
		img := augment.NewImage(int(w)%64+1, int(h)%64+1)
		r := rand.New(rand.NewPCG(seed, 0))
		for i := range img.Pix {
			img.Pix[i] = uint8(r.Uint32())
		}
		for _, d := range []augment.Drawn{
			augment.Crop{X: x, Y: y, W: bw % 300, H: bh % 300, OutW: outW % 100, OutH: outH % 100,
				Interpolation: augment.Bilinear},
			augment.Crop{X: x, Y: y, W: bw % 300, H: bh % 300, OutW: outW % 100, OutH: outH % 100,
				Interpolation: augment.Bicubic},
			augment.Flip{}, augment.Flip{Vertical: true}, augment.Brightness{Factor: v}, augment.Contrast{Factor: v},
			augment.Saturation{Factor: v}, augment.Hue{Shift: v}, augment.Gray{}, augment.BoxBlur{Sigma: v},
			augment.GaussianKernel{Kernel: x % 64, Sigma: v}, augment.Inversion{Threshold: x}, augment.Equalization{},
			augment.ChannelShift{Brightness: v, Contrast: v, Seed: seed},
			augment.Averaging{}, augment.Sharpness{Factor: v}, augment.Cover{X: x, Y: y, W: bw, H: bh},
			augment.Sequence{augment.Gray{}, augment.Crop{W: 3, H: 2, OutW: 2, OutH: 3}, augment.Flip{}},
		} {
			wantW, wantH := d.Size(img.W, img.H)
			got := d.Apply(img.Clone())
			if got.W != wantW || got.H != wantH || len(got.Pix) != 3*got.W*got.H {
				t.Fatalf("%T%+v of %dx%d: %dx%d with %d bytes, promised %dx%d", d, d, img.W, img.H, got.W, got.H,
					len(got.Pix), wantW, wantH)
			}
			deep := augment.NewDeep(img.W, img.H, 1+int(seed%5))
			for i := range deep.Deep {
				deep.Deep[i] = float32(img.Pix[i%len(img.Pix)]) / 255
			}
			if got := d.Apply(deep); got.W != wantW || got.H != wantH || len(got.Deep) != got.C*got.W*got.H {
				t.Fatalf("%T%+v of a deep %dx%d: %dx%d with %d values", d, d, img.W, img.H, got.W, got.H, len(got.Deep))
			}
			if again := d.Apply(img.Clone()); !bytes.Equal(again.Pix, got.Pix) {
				t.Fatalf("%T%+v of %dx%d gives other pixels the second time", d, d, img.W, img.H)
			}
		}
	})
}
