// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"image"
	"image/gif"

	"github.com/parallax-ssl/parallax/augment"
)

// LZW repeats at most the length of its whole table per code of 12 bits.
const mostGIF = 4096

func isGIF(head []byte) bool {
	return bytes.HasPrefix(head, []byte("GIF87a")) || bytes.HasPrefix(head, []byte("GIF89a"))
}

func decodeGIF(data []byte, o Options) (*augment.Image, error) {
	data = opaqueGIF(data)
	img, c, err := decodeImage(data, o,
		func() (image.Config, error) { return gif.DecodeConfig(bytes.NewReader(data)) },
		func() (image.Image, error) { return gif.Decode(bytes.NewReader(data)) },
		func(image.Config) int { return mostGIF })
	if err != nil {
		return nil, err
	}
	return onCanvas(augment.FromImage(img), img.Bounds().Min, c.Width, c.Height), nil
}

// onCanvas puts a GIF's first frame in its place on the screen that the header describes; the rest is black.
func onCanvas(frame *augment.Image, at image.Point, w, h int) *augment.Image {
	if frame.W == w && frame.H == h {
		return frame
	}
	out := &augment.Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
	for y := range frame.H {
		copy(out.Pix[3*((at.Y+y)*w+at.X):], frame.Pix[3*y*frame.W:3*(y+1)*frame.W])
	}
	return out
}

// opaqueGIF returns data without the transparency flag of the first frame's graphic control extension (GIF89a, section
// 23), since Go's decoder would replace the transparent colour with black. It copies data only if there is a flag.
func opaqueGIF(data []byte) []byte {
	if len(data) < 13 {
		return data
	}
	at := 13
	if data[10]&0x80 != 0 {
		at += 3 << (data[10]&7 + 1)
	}
	for at+3 < len(data) && data[at] == 0x21 {
		if data[at+1] == 0xf9 && data[at+2] == 4 && data[at+3]&1 != 0 {
			data = append([]byte(nil), data...)
			data[at+3] &^= 1
		}
		for at += 2; at < len(data) && data[at] != 0; at += 1 + int(data[at]) {
		}
		at++
	}
	return data
}
