// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"image"

	"golang.org/x/image/bmp"

	"github.com/parallax-ssl/parallax/augment"
)

func isBMP(head []byte) bool {
	return bytes.HasPrefix(head, []byte("BM")) && len(head) >= 14 && bytes.Equal(head[6:10], []byte{0, 0, 0, 0})
}

func decodeBMP(data []byte, o Options) (*augment.Image, error) {
	img, _, err := decodeImage(data, o,
		func() (image.Config, error) { return bmp.DecodeConfig(bytes.NewReader(data)) },
		func() (image.Image, error) { return bmp.Decode(bytes.NewReader(data)) },
		func(image.Config) int { return 8 }) // one bit each
	if err != nil {
		return nil, err
	}
	return augment.FromImage(img), nil
}
