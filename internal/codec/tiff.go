// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec/tiff"
)

func isTIFF(head []byte) bool { return tiff.Is(head) }

func decodeTIFF(data []byte, o Options) (*augment.Image, error) {
	s, err := tiff.Decode(data, tiff.Options{
		Check: func(h tiff.Header) error { return o.admit(headerTIFF(h), len(data)) },
		JPEG: func(data []byte, most int) (*tiff.Samples, error) {
			o.MaxPixels = min(o.MaxPixels, most)
			return jpegSamples(data, o)
		},
		WebP: func(data []byte, most int) (*tiff.Samples, error) {
			o.MaxPixels = min(o.MaxPixels, most)
			img, err := decodeWebP(data, o)
			if err != nil {
				return nil, err
			}
			return &tiff.Samples{W: img.W, H: img.H, N: 3, Pix: img.Pix}, nil
		},
	})
	if err != nil {
		return nil, err
	}
	return &augment.Image{W: s.W, H: s.H, Pix: s.Pix}, nil
}

// headerTIFF says what decoding takes: rows, or the whole pictures that chunks may be.
func headerTIFF(t tiff.Header) header {
	h := header{w: t.W, h: t.H, bits: t.Bits, by: blank}
	switch t.Compression {
	case tiff.Plain:
		h.by = raw
	case tiff.PackBits:
		h.by = packBits
	case tiff.LZW:
		h.by = lzwCodes
	case tiff.Deflate, tiff.OldDeflate:
		h.by = deflate
	case tiff.JPEG:
		h.by, h.buffer = huffman, 12
	case tiff.WebP:
		h.buffer = 12
	}
	return h
}
