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
	if err := o.admit(headerJPEG(info), len(data)); err != nil {
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

// decodeGoJPEG reads what the standard library reads, also progressive images whose last scans are missing.
func decodeGoJPEG(data []byte, o Options) (*augment.Image, error) {
	img, _, err := decodeImage(data, o,
		func() (image.Config, error) { return stdjpeg.DecodeConfig(bytes.NewReader(data)) },
		func() (image.Image, error) { return stdjpeg.Decode(bytes.NewReader(data)) },
		func(image.Config) header { return header{bits: 8, by: huffman, buffer: 15} }) // planes and coefficients
	if err != nil {
		return nil, err
	}
	return augment.FromImage(img), nil
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

// headerJPEG says what decoding takes: the samples as they are stored, the coefficients if several scans build them,
// and the pixels of CMYK.
func headerJPEG(info jpeg.Info) header {
	h := header{w: info.W, h: info.H, bits: info.Bits, by: huffman}
	if info.Arithmetic {
		h.by = blank
	}
	samples := (info.Bits + 7) / 8 // of a pixel, each of a byte
	h.buffer = samples
	if info.Coefficients {
		h.buffer += 2 * samples
	}
	if info.Channels == 4 {
		h.buffer += 4
	}
	return h
}
