// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image"
	"image/jpeg"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/turbojpeg"
)

// The decoders of JPEG, whose pixels differ by some grey levels.
const (
	Turbo = "turbojpeg" // libjpeg-turbo, as in Pillow
	Go    = "go"        // the standard library's image/jpeg
)

// DefaultJPEG is the JPEG decoder if Options names none: libjpeg-turbo if its library is found.
func DefaultJPEG() string {
	if turbojpeg.Available() != nil {
		return Go
	}
	return Turbo
}

// No Huffman-coded JPEG stores a block of 64 pixels in less than a bit.
const mostJPEG = 1024

func isJPEG(head []byte) bool { return bytes.HasPrefix(head, []byte("\xff\xd8\xff")) }

func decodeJPEG(data []byte, o Options) (*augment.Image, error) {
	if cmp.Or(o.JPEG, DefaultJPEG()) == Turbo {
		return decodeTurbo(data, o)
	}
	return decodeGoJPEG(data, o)
}

func decodeGoJPEG(data []byte, o Options) (*augment.Image, error) {
	img, _, err := decodeImage(data, o,
		func() (image.Config, error) { return jpeg.DecodeConfig(bytes.NewReader(data)) },
		func() (image.Image, error) { return jpeg.Decode(bytes.NewReader(data)) },
		func(image.Config) int { return mostJPEG })
	if err != nil {
		return nil, err
	}
	return augment.FromImage(img), nil
}

func decodeTurbo(data []byte, o Options) (*augment.Image, error) {
	if err := turbojpeg.Available(); err != nil {
		return nil, err
	}
	t, err := turbojpeg.Decode(data, min(o.MaxPixels, mostJPEG*len(data)))
	if errors.Is(err, turbojpeg.ErrTooLarge) && len(data) < o.MaxPixels/mostJPEG {
		return nil, fmt.Errorf("%w, or than its %d bytes can hold", err, len(data))
	}
	if err != nil {
		return nil, err
	}
	if t.C == 4 {
		// Like Pillow, assume Adobe's convention (255 is no ink).
		for i, v := range t.Pix {
			t.Pix[i] = 255 - v
		}
		return augment.FromImage(&image.CMYK{Pix: t.Pix, Stride: 4 * t.W, Rect: image.Rect(0, 0, t.W, t.H)}), nil
	}
	return &augment.Image{W: t.W, H: t.H, Pix: t.Pix}, nil
}
