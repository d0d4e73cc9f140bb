// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"image"
	stdjpeg "image/jpeg"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec/jpeg"
	"github.com/parallax-ssl/parallax/internal/codec/tiff"
	"github.com/parallax-ssl/parallax/internal/turbojpeg"
)

// The decoders of JPEG, whose pixels differ by some grey levels.
const (
	Turbo = "turbojpeg" // libjpeg-turbo's pixels, as in Pillow, whether its library is installed or not
	Go    = "go"        // the standard library's image/jpeg, and where it refuses a file, the other; for old runs
)

func isJPEG(head []byte) bool { return bytes.HasPrefix(head, []byte("\xff\xd8\xff")) }

// decodeJPEG decodes with package jpeg, which decides whether a file is valid. libjpeg-turbo is only a faster way to
// the same pixels, used for files that every version of libjpeg-turbo decodes alike.
func decodeJPEG(data []byte, o Options) (*augment.Image, error) {
	if o.JPEG == Go {
		if img, err := decodeGoJPEG(data, o); err == nil {
			return img, nil
		}
	}
	s, err := jpegSamples(data, o)
	if err != nil {
		return nil, err
	}
	return fromJPEG(s), nil
}

// jpegSamples decodes a file to grey, RGB, or CMYK as it is stored.
func jpegSamples(data []byte, o Options) (*tiff.Samples, error) {
	info, err := jpeg.Inspect(data)
	if err != nil {
		return nil, err
	}
	if err := o.admit(headerJPEG(info), len(data)); err != nil {
		return nil, err
	}
	if info.Common && turbojpeg.Available() == nil {
		if t, err := turbojpeg.Decode(data, info.W, info.H, o.Room); err == nil {
			return &tiff.Samples{W: t.W, H: t.H, N: t.C, Pix: t.Pix}, nil
		}
	}
	m, err := jpeg.Decode(data)
	if err != nil {
		return nil, err
	}
	return &tiff.Samples{W: m.W, H: m.H, N: m.C, Pix: m.Pix}, nil
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
func fromJPEG(s *tiff.Samples) *augment.Image {
	rect := image.Rect(0, 0, s.W, s.H)
	switch s.N {
	case 1:
		return augment.FromImage(&image.Gray{Pix: s.Pix, Stride: s.W, Rect: rect})
	case 4:
		for i, v := range s.Pix {
			s.Pix[i] = 255 - v
		}
		return augment.FromImage(&image.CMYK{Pix: s.Pix, Stride: 4 * s.W, Rect: rect})
	}
	return &augment.Image{W: s.W, H: s.H, Pix: s.Pix}
}

// headerJPEG says what decoding takes: the samples as they are stored, the coefficients if several scans build them,
// and the pixels of CMYK.
func headerJPEG(info jpeg.Info) header {
	h := header{w: info.W, h: info.H, bits: info.Bits, by: huffman, scans: info.Scans}
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
