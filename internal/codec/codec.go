// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"errors"
	"fmt"
	"image"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec/orientation"
)

// Options say how image files are decoded. The zero value decodes with the default limits and decoder.
type Options struct {
	Limits
	// JPEG is the decoder of JPEG files: Turbo or Go. Empty is Turbo.
	JPEG string
	// Deep keeps the channels and the depth of the samples of PNG and TIFF files. Every image becomes a deep one.
	Deep bool
	// Pages takes the pages of a TIFF file for channels, if Deep is set. Else the first page is the image.
	Pages bool
	// Room is memory for the pixels, whatever is in it. A decoder that can decode into it does, if they fit; the image
	// then shares it.
	Room []byte

	lease   *Lease // of the image that is being decoded
	turned  bool   // the image will be turned upright
	measure bool   // admit ends the decoding with a size
}

// format is an image file format. Each has a file of this package.
type format struct {
	name string
	// is reports whether a file that begins with head, up to 512 bytes, has this format.
	is func(head []byte) bool
	// decode returns the pixels as they are stored. It calls o.admit before it takes memory for them.
	decode func(data []byte, o Options) (*augment.Image, error)
	// orientation returns the EXIF orientation, 1 to 8; nil: the format has none.
	orientation func(data []byte) int
	// deep is decode with the file's channels and depth; nil: the format has nothing but 8-bit RGB that is read.
	deep func(data []byte, o Options) (*augment.Image, error)
}

var formats = []format{
	{"JPEG", isJPEG, decodeJPEG, orientation.JPEG, nil},
	{"PNG", isPNG, decodePNG, orientation.PNG, deepPNG},
	{"GIF", isGIF, decodeGIF, nil, nil},
	{"BMP", isBMP, decodeBMP, nil, nil},
	{"TIFF", isTIFF, decodeTIFF, orientation.TIFF, deepTIFF},
	{"WebP", isWebP, decodeWebP, orientation.WebP, nil},
	{"PNM", isPNM, decodePNM, nil, nil},
	{"HEIC", isHEIC, decodeHEIC, nil, nil},
	{"AVIF", isAVIF, decodeAVIF, nil, nil},
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

// Format returns the name of the format of a file that begins with head, up to 512 bytes, such as "JPEG", or "".
func Format(head []byte) string {
	if f := sniff(head); f != nil {
		return f.name
	}
	return ""
}

// Decode decodes the bytes of an image file to 8-bit RGB, or to a deep image if o says so, upright by its EXIF
// orientation. It refuses images beyond the limits, images that claim more pixels than their bytes can hold, and
// decompression bombs, before it takes memory for them. It waits while other images fill the budget. It never panics,
// whatever the bytes. Safe for concurrent use.
func Decode(data []byte, o Options) (*augment.Image, error) {
	lease := o.Budget.File(int64(len(data)))
	defer lease.Release()
	return DecodeHeld(data, o, lease)
}

// DecodeHeld is Decode for a file that holds a part of the budget already. The lease then holds what the image takes,
// too, for the caller to release once the image is not used any more.
func DecodeHeld(data []byte, o Options, lease *Lease) (img *augment.Image, err error) {
	o = o.withDefaults()
	o.lease = lease
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
	turn := 1
	if f.orientation != nil {
		turn = f.orientation(data)
	}
	o.turned = turn > 1
	decode := f.decode
	if o.Deep && f.deep != nil {
		decode = f.deep
	}
	img, err = decode(data, o)
	if err != nil {
		return nil, err
	}
	if o.Deep {
		img = img.Deepen()
	}
	return upright(img, turn), nil
}

// size is the error of a decoder that was only to read the header.
type size struct{ w, h int }

func (s size) Error() string { return fmt.Sprintf("%dx%d pixels", s.w, s.h) }

// Size returns the width and the height, in pixels, of the image that Decode makes of a file, by the file's header. It
// decodes no pixels, and so does not see if they are damaged. It never panics, whatever the bytes.
func Size(data []byte) (w, h int, err error) {
	var found size
	if _, err = Decode(data, Options{measure: true}); !errors.As(err, &found) {
		return 0, 0, err
	}
	if f := sniff(data); f.orientation != nil && f.orientation(data) >= 5 { // rows are columns
		return found.h, found.w, nil
	}
	return found.w, found.h, nil
}

func unknownFormat(data []byte) error {
	if len(data) >= 12 && string(data[4:8]) == "ftyp" {
		return fmt.Errorf("a %q file, such as a video, which is not read", data[8:12])
	}
	return fmt.Errorf("not a JPEG, PNG, GIF, BMP, TIFF, WebP, PNM, HEIC or AVIF file: it starts with %q",
		data[:min(len(data), 8)])
}

// decodeImage decodes with a decoder of the standard library or of x/image, if describe's header is admitted.
func decodeImage(data []byte, o Options, config func() (image.Config, error), decode func() (image.Image, error),
	describe func(c image.Config) header,
) (image.Image, image.Config, error) {
	c, err := config()
	if err != nil {
		return nil, c, err
	}
	h := describe(c)
	h.w, h.h = c.Width, c.Height
	if err := o.admit(h, len(data)); err != nil {
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
