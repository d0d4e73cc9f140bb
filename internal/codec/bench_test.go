// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"image"
	"image/png"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// BenchmarkPNG compares this package's decoder of PNG with the standard library's.
func BenchmarkPNG(b *testing.B) {
	data := noisyPNG(b, 512)
	b.Run("codec", func(b *testing.B) {
		for b.Loop() {
			if _, err := Decode(data, Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("image/png", func(b *testing.B) {
		for b.Loop() {
			img, err := png.Decode(bytes.NewReader(data))
			if err != nil {
				b.Fatal(err)
			}
			augment.FromImage(img)
		}
	})
}

// noisyPNG is a square RGB image in which every filter occurs.
func noisyPNG(b *testing.B, side int) []byte {
	b.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range img.Pix {
		img.Pix[i] = uint8(i*i>>9) ^ uint8(i*2654435761>>29)
		if i%4 == 3 {
			img.Pix[i] = 255
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}
