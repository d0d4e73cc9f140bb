// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"errors"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec/tiff"
)

func isTIFF(head []byte) bool { return tiff.Is(head) }

func decodeTIFF(data []byte, o Options) (*augment.Image, error) {
	s, err := tiff.Decode(data, optionsTIFF(data, o))
	if err != nil {
		return nil, err
	}
	return &augment.Image{W: s.W, H: s.H, Pix: s.Pix}, nil
}

// deepTIFF keeps the samples of a TIFF file. Colours that must be converted, such as those of a palette, become RGB.
func deepTIFF(data []byte, o Options) (*augment.Image, error) {
	s, err := tiff.DecodeDeep(data, o.Pages, optionsTIFF(data, o))
	if errors.Is(err, tiff.ErrColours) {
		return decodeTIFF(data, o)
	}
	if err != nil {
		return nil, err
	}
	return &augment.Image{W: s.W, H: s.H, C: s.N, Samples: s.Kind, Deep: s.Values}, nil
}

func optionsTIFF(data []byte, o Options) tiff.Options {
	chunk := func(most int) Options { // what a strip or tile takes is in the header's buffer
		c := o
		c.lease, c.MaxPixels = nil, min(c.MaxPixels, most)
		return c
	}
	return tiff.Options{
		Admit: func(h tiff.Header) error { return o.admit(headerTIFF(h), len(data)) },
		JPEG: func(data []byte, most int) (*tiff.Samples, error) {
			return jpegSamples(data, chunk(most))
		},
		WebP: func(data []byte, most int) (*tiff.Samples, error) {
			if !isWebP(data) {
				return nil, errors.New("it is no WebP file")
			}
			m, err := decodeWebP(data, chunk(most))
			if err != nil {
				return nil, err
			}
			return &tiff.Samples{W: m.W, H: m.H, N: 3, Pix: m.Pix}, nil
		},
	}
}

// headerTIFF says what decoding takes.
func headerTIFF(h tiff.Header) header {
	by, known := map[int]compression{tiff.Plain: raw, tiff.PackBits: packBits, tiff.LZW: lzwCodes,
		tiff.Deflate: deflate, tiff.JPEG: huffman}[h.Compression]
	if !known {
		by = blank
	}
	return header{w: h.W, h: h.H, bits: h.Bits, by: by, buffer: h.Buffer, deep: h.Deep}
}
