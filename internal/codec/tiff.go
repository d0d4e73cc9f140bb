// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"errors"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec/tiff"
)

func isTIFF(head []byte) bool { return tiff.Is(head) }

func decodeTIFF(data []byte, o Options) (*augment.Image, error) {
	chunk := func(most int) Options { // what a strip or tile takes is in the header's buffer
		c := o
		c.lease, c.MaxPixels = nil, min(c.MaxPixels, most)
		return c
	}
	s, err := tiff.Decode(data, tiff.Options{
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
	})
	if err != nil {
		return nil, err
	}
	return &augment.Image{W: s.W, H: s.H, Pix: s.Pix}, nil
}

// headerTIFF says what decoding takes.
func headerTIFF(h tiff.Header) header {
	by, known := map[int]compression{tiff.Plain: raw, tiff.PackBits: packBits, tiff.LZW: lzwCodes,
		tiff.Deflate: deflate, tiff.JPEG: huffman}[h.Compression]
	if !known {
		by = blank
	}
	return header{w: h.W, h: h.H, bits: h.Bits, by: by, buffer: h.Buffer}
}
