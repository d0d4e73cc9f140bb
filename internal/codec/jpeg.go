// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"image"
	stdjpeg "image/jpeg"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec/jpeg"
	"github.com/parallax-ssl/parallax/internal/turbojpeg"
)

// The decoders of JPEG, whose pixels differ by some grey levels.
const (
	Turbo = "turbojpeg" // libjpeg-turbo's pixels, as in Pillow, whether its library is installed or not
	Go    = "go"        // the standard library's image/jpeg, and where it refuses a file, the other; for old runs
)

// No Huffman-coded JPEG stores a block of 64 pixels in less than a bit.
const mostJPEG = 1024

func isJPEG(head []byte) bool { return bytes.HasPrefix(head, []byte("\xff\xd8\xff")) }

// decodeJPEG decodes with package jpeg, whose verdict on a file holds: the library is only a faster way to the same
// pixels, for the files that all its versions decode alike.
func decodeJPEG(data []byte, o Options) (*augment.Image, error) {
	if o.JPEG == Go {
		if img, err := decodeGoJPEG(data, o); err == nil {
			return img, nil
		}
	}
	info, err := jpeg.Inspect(data)
	if err != nil {
		return nil, err
	}
	most := mostJPEG
	if info.Arithmetic {
		most = mostBlank(image.Config{Width: info.W, Height: info.H})
	}
	if err := o.check(info.W, info.H, most, len(data)); err != nil {
		return nil, err
	}
	if info.Common && turbojpeg.Available() == nil {
		if t, err := turbojpeg.Decode(data, info.W, info.H); err == nil {
			return fromJPEG(t.W, t.H, t.C, t.Pix), nil
		}
	}
	m, err := jpeg.Decode(data)
	if err != nil {
		return nil, err
	}
	return fromJPEG(m.W, m.H, m.C, m.Pix), nil
}

// fromJPEG converts grey, RGB or CMYK. Like Pillow, it assumes Adobe's convention for CMYK, in which 255 is no ink.
func fromJPEG(w, h, channels int, pix []uint8) *augment.Image {
	rect := image.Rect(0, 0, w, h)
	switch channels {
	case 1:
		return augment.FromImage(&image.Gray{Pix: pix, Stride: w, Rect: rect})
	case 4:
		for i, v := range pix {
			pix[i] = 255 - v
		}
		return augment.FromImage(&image.CMYK{Pix: pix, Stride: 4 * w, Rect: rect})
	}
	return &augment.Image{W: w, H: h, Pix: pix}
}

func decodeGoJPEG(data []byte, o Options) (*augment.Image, error) {
	img, _, err := decodeImage(data, o,
		func() (image.Config, error) { return stdjpeg.DecodeConfig(bytes.NewReader(data)) },
		func() (image.Image, error) { return stdjpeg.Decode(bytes.NewReader(data)) },
		func(image.Config) int { return mostJPEG })
	if err != nil {
		return nil, err
	}
	return augment.FromImage(img), nil
}
