// SPDX-License-Identifier: Apache-2.0

// Package turbojpeg decodes JPEG with libjpeg-turbo, opened at run time.
//
// The library is not needed to build: its functions are looked up by name in the shared library of the TurboJPEG API
// 2.0 or newer. The library is the one that $LIBTURBOJPEG names, else the one beside the program or in bin/ (make setup
// puts it there), else the system's (Debian and Ubuntu: libturbojpeg0; Homebrew: jpeg-turbo). Decoding uses Pillow's
// settings, the accurate integer DCT and the smooth chroma upsampling, so that the pixels equal Pillow's exactly.
//
// It is a faster way to pixels that package internal/codec/jpeg gives, too. Without cgo, on a system without dlopen, or
// if the library is not installed, Available returns an error that says so.
package turbojpeg

// Image is a decoded picture. C is 3 for 8-bit RGB and 4 for CMYK as stored in the file (Adobe's files hold it
// inverted: 255 is no ink). Pix holds interleaved rows without padding, len(Pix) == W*H*C.
type Image struct {
	W, H, C int
	Pix     []uint8
}
