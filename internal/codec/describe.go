// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"fmt"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec/tiff"
)

// Describe returns the channels and samples that a PNG or TIFF file keeps if it is decoded with Options.Deep, and its
// pages. ok is false for a file of 8-bit RGB, such as JPEG, and for one whose header cannot be read. A PNG needs its
// first 33 bytes, a TIFF all.
func Describe(data []byte) (f augment.Format, pages int, ok bool) {
	switch {
	case isPNG(data):
		c := &pngChunks{rest: data[len(pngSignature):]}
		h, err := c.header()
		if err != nil || h.colour == pngPalette {
			return f, 0, false
		}
		return augment.Format{Channels: h.channels, Samples: fmt.Sprintf("uint%d", h.depth)}, 1, true
	case isTIFF(data):
		n, kind, pages, err := tiff.Describe(data)
		if err != nil {
			return f, 0, false
		}
		return augment.Format{Channels: n, Samples: kind}, pages, true
	}
	return f, 0, false
}
