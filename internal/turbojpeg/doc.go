// SPDX-License-Identifier: Apache-2.0

// Package turbojpeg decodes JPEG with libjpeg-turbo, opened at run time.
//
// The library is not needed to build: its functions are looked up by name in the shared library of the TurboJPEG API
// 2.0 or newer. The library is the one that $LIBTURBOJPEG names, else the one beside the program or in bin/ (make setup
// puts it there), else the system's (Debian and Ubuntu: libturbojpeg0; Homebrew: jpeg-turbo). Decoding uses Pillow's
// settings, the accurate integer DCT and the smooth chroma upsampling, so that the pixels equal Pillow's exactly.
//
// Without cgo, on a system without dlopen, or if the library is not installed, Available returns an error that says so,
// and the caller decodes by other means.
package turbojpeg

import (
	"errors"
	"fmt"
)

// ErrTooLarge is wrapped by Decode when the header claims more pixels than the caller allows.
var ErrTooLarge = errors.New("too large")

// Image is a decoded picture. C is 3 for 8-bit RGB and 4 for CMYK as stored in the file (Adobe's files hold it
// inverted: 255 is no ink). Pix holds interleaved rows without padding, len(Pix) == W*H*C.
type Image struct {
	W, H, C int
	Pix     []uint8
}

func checkSize(w, h, maxPixels int) error {
	if w <= 0 || h <= 0 {
		return fmt.Errorf("the JPEG header says %dx%d pixels", w, h)
	}
	if maxPixels > 0 && w > maxPixels/h {
		return fmt.Errorf("%dx%d pixels, more than the limit of %d: %w", w, h, maxPixels, ErrTooLarge)
	}
	return nil
}
