// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"errors"
	"fmt"
	"image"

	"github.com/parallax-ssl/parallax/augment"
)

// Options say how image files are decoded. The zero value decodes with the default limits and decoder.
type Options struct {
	Limits
	// JPEG is the decoder of JPEG files: Turbo or Go. Empty is Turbo.
	JPEG string
}

// format is an image file format. Each has a file of this package.
type format struct {
	name string
	// is reports whether a file that begins with head, up to 512 bytes, has this format.
	is func(head []byte) bool
	// decode returns the pixels as they are stored. It calls o.check before it takes memory for them.
	decode func(data []byte, o Options) (*augment.Image, error)
	// orientation returns the EXIF orientation, 1 to 8; nil: the format has none.
	orientation func(data []byte) int
}

var formats = []format{
	{"JPEG", isJPEG, decodeJPEG, orientationJPEG},
	{"PNG", isPNG, decodePNG, orientationPNG},
	{"GIF", isGIF, decodeGIF, nil},
	{"BMP", isBMP, decodeBMP, nil},
	{"TIFF", isTIFF, decodeTIFF, orientationTIFF},
	{"WebP", isWebP, decodeWebP, orientationWebP},
	{"PNM", isPNM, decodePNM, nil},
}

// sniff tells an image's format by its first bytes, whatever its name; nil if the format is not read.
func sniff(head []byte) *format {
	for i := range formats {
		if formats[i].is(head) {
			return &formats[i]
		}
	}
	return nil
}

// IsImage reports whether a file that begins with head, up to 512 bytes, has a format that is read.
func IsImage(head []byte) bool { return sniff(head) != nil }

// Decode decodes the bytes of an image file to 8-bit RGB, upright by its EXIF orientation. It refuses images beyond the
// limits, and images that claim more pixels than their bytes can hold, before it takes memory for them. It never
// panics, whatever the bytes. Safe for concurrent use.
func Decode(data []byte, o Options) (img *augment.Image, err error) {
	o = o.withDefaults()
	// Some decoders are not ours, and have panicked on damaged files before.
	defer func() {
		if r := recover(); r != nil {
			img, err = nil, fmt.Errorf("the decoder failed: %v", r)
		}
	}()
	if len(data) == 0 {
		return nil, errors.New("empty file")
	}
	f := sniff(data)
	if f == nil {
		return nil, unknownFormat(data)
	}
	img, err = f.decode(data, o)
	if err != nil {
		return nil, err
	}
	if f.orientation == nil {
		return img, nil
	}
	return upright(img, f.orientation(data)), nil
}

func unknownFormat(data []byte) error {
	if len(data) >= 12 && string(data[4:8]) == "ftyp" {
		return fmt.Errorf("a %q file (HEIC, AVIF or video), which is not read: convert it to JPEG or PNG", data[8:12])
	}
	return fmt.Errorf("not a JPEG, PNG, GIF, BMP, TIFF, WebP or PNM file: it starts with %q", data[:min(len(data), 8)])
}

// decodeImage decodes with a decoder of the standard library or of x/image, whose header must be within the limits. A
// byte of the file can hold most(header) pixels.
func decodeImage(data []byte, o Options, config func() (image.Config, error), decode func() (image.Image, error),
	most func(c image.Config) int,
) (image.Image, image.Config, error) {
	c, err := config()
	if err != nil {
		return nil, c, err
	}
	if err := o.check(c.Width, c.Height, most(c), len(data)); err != nil {
		return nil, c, err
	}
	img, err := decode()
	if err != nil {
		return nil, c, err
	}
	b := img.Bounds()
	if b.Dx() <= 0 || b.Dy() <= 0 || b.Dx() > c.Width || b.Dy() > c.Height {
		return nil, c, fmt.Errorf("the header says %dx%d pixels, but the image has %dx%d", c.Width, c.Height, b.Dx(),
			b.Dy())
	}
	return img, c, nil
}
