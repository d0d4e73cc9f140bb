// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"image"

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
		mostBlank)
	if err != nil {
		return nil, err
	}
	return augment.FromImage(img), nil
}

// mostBlank is for formats that may encode a blank image in a few bytes. A large one is refused even so.
func mostBlank(c image.Config) int {
	if px := c.Width * c.Height; px <= 16<<20 {
		return px
	}
	return 4096
}
