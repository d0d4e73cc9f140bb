// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"image"
	"image/color"

	"golang.org/x/image/tiff"

	"github.com/parallax-ssl/parallax/augment"
)

func isTIFF(head []byte) bool {
	return bytes.HasPrefix(head, []byte("II*\x00")) || bytes.HasPrefix(head, []byte("MM\x00*"))
}

func decodeTIFF(data []byte, o Options) (*augment.Image, error) {
	img, _, err := decodeImage(data, o,
		func() (image.Config, error) { return tiff.DecodeConfig(bytes.NewReader(data)) },
		func() (image.Image, error) { return tiff.Decode(bytes.NewReader(data)) },
		headerTIFF)
	if err != nil {
		return nil, err
	}
	return augment.FromImage(img), nil
}

// headerTIFF describes an image whose strips may be compressed in any way.
func headerTIFF(c image.Config) header {
	switch c.ColorModel {
	case color.GrayModel:
		return header{bits: 8, by: blank, buffer: 2}
	case color.Gray16Model:
		return header{bits: 16, by: blank, buffer: 4}
	case color.RGBA64Model, color.NRGBA64Model:
		return header{bits: 64, by: blank, buffer: 16}
	case color.RGBAModel, color.NRGBAModel:
		return header{bits: 24, by: blank, buffer: 8}
	}
	return header{bits: 8, by: blank, buffer: 2}
}
