// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"image"
	"image/color"
	"image/png"

	"github.com/parallax-ssl/parallax/augment"
)

func isPNG(head []byte) bool { return bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")) }

func decodePNG(data []byte, o Options) (*augment.Image, error) {
	img, _, err := decodeImage(data, o,
		func() (image.Config, error) { return png.DecodeConfig(bytes.NewReader(data)) },
		func() (image.Image, error) { return png.Decode(bytes.NewReader(data)) },
		mostPNG)
	if err != nil {
		return nil, err
	}
	return augment.FromImage(img), nil
}

func mostPNG(c image.Config) int {
	const deflate = 1032 // bytes from one
	switch c.ColorModel {
	case color.RGBAModel, color.NRGBAModel:
		return deflate / 3
	case color.Gray16Model:
		return deflate / 2
	case color.RGBA64Model, color.NRGBA64Model:
		return deflate / 6
	}
	return deflate * 8 // one bit each
}
