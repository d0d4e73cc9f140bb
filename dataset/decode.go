// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"sync"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/turbojpeg"
)

type format int

const (
	formatUnknown format = iota
	formatJPEG
	formatPNG
	formatGIF
	formatBMP
	formatTIFF
	formatWebP
)

// sniff tells an image's format by its first bytes; it does not trust file names.
func sniff(data []byte) format {
	has := func(magic string) bool { return bytes.HasPrefix(data, []byte(magic)) }
	switch {
	case has("\xff\xd8\xff"):
		return formatJPEG
	case has("\x89PNG\r\n\x1a\n"):
		return formatPNG
	case has("GIF87a"), has("GIF89a"):
		return formatGIF
	case has("BM") && len(data) >= 14 && bytes.Equal(data[6:10], []byte{0, 0, 0, 0}):
		return formatBMP
	case has("II*\x00"), has("MM\x00*"):
		return formatTIFF
	case has("RIFF") && len(data) >= 12 && string(data[8:12]) == "WEBP":
		return formatWebP
	}
	return formatUnknown
}

// Decode decodes the bytes of an image file to 8-bit RGB, upright by its EXIF orientation. It refuses images of more
// than maxPixels pixels (0: DefaultMaxPixels), and images that claim more pixels than their bytes can hold, before it
// takes memory for them. It never panics, whatever the bytes. Safe for concurrent use.
func Decode(data []byte, maxPixels int) (img *augment.Image, err error) {
	return decode(data, maxPixels, DefaultDecoder())
}

// decode is Decode with the given decoder of JPEG.
func decode(data []byte, maxPixels int, decoder string) (img *augment.Image, err error) {
	if maxPixels <= 0 {
		maxPixels = DefaultMaxPixels
	}
	// The decoders are not ours, and have panicked on damaged files before.
	defer func() {
		if r := recover(); r != nil {
			img, err = nil, fmt.Errorf("the decoder failed: %v", r)
		}
	}()
	if len(data) == 0 {
		return nil, errors.New("empty file")
	}
	f := sniff(data)
	switch {
	case f == formatUnknown:
		return nil, unknownFormat(data)
	case f == formatJPEG && decoder == DecoderTurbo:
		img, err = decodeTurbo(data, maxPixels)
	default:
		img, err = decodeGo(f, data, maxPixels)
	}
	if err != nil {
		return nil, err
	}
	return upright(img, orientation(f, data)), nil
}

func unknownFormat(data []byte) error {
	if len(data) >= 12 && string(data[4:8]) == "ftyp" {
		return fmt.Errorf("a %q file (HEIC, AVIF or video), which is not read: convert it to JPEG or PNG", data[8:12])
	}
	return fmt.Errorf("not a JPEG, PNG, GIF, BMP, TIFF or WebP file: it starts with %q", data[:min(len(data), 8)])
}

func decodeTurbo(data []byte, maxPixels int) (*augment.Image, error) {
	if err := turbojpeg.Available(); err != nil {
		return nil, err
	}
	// No Huffman-coded JPEG stores a block of 64 pixels in less than a bit.
	t, err := turbojpeg.Decode(data, min(maxPixels, 1024*len(data)))
	if errors.Is(err, turbojpeg.ErrTooLarge) && len(data) < maxPixels/1024 {
		return nil, fmt.Errorf("%w, or than its %d bytes can hold", err, len(data))
	}
	if err != nil {
		return nil, err
	}
	if t.C == 4 {
		// Like Pillow, assume Adobe's convention (255 is no ink).
		for i, v := range t.Pix {
			t.Pix[i] = 255 - v
		}
		return augment.FromImage(&image.CMYK{Pix: t.Pix, Stride: 4 * t.W, Rect: image.Rect(0, 0, t.W, t.H)}), nil
	}
	return &augment.Image{W: t.W, H: t.H, Pix: t.Pix}, nil
}

// decodeGo decodes with the standard library and x/image.
func decodeGo(f format, data []byte, maxPixels int) (*augment.Image, error) {
	var config func() (image.Config, error)
	var decode func() (image.Image, error)
	r := bytes.NewReader(data)
	switch f {
	case formatJPEG:
		config = func() (image.Config, error) { return jpeg.DecodeConfig(r) }
		decode = func() (image.Image, error) { return jpeg.Decode(r) }
	case formatPNG:
		config = func() (image.Config, error) { return png.DecodeConfig(r) }
		decode = func() (image.Image, error) { return png.Decode(r) }
	case formatGIF:
		data = opaqueGIF(data)
		r = bytes.NewReader(data)
		config = func() (image.Config, error) { return gif.DecodeConfig(r) }
		decode = func() (image.Image, error) { return gif.Decode(r) }
	case formatBMP:
		config = func() (image.Config, error) { return bmp.DecodeConfig(r) }
		decode = func() (image.Image, error) { return bmp.Decode(r) }
	case formatTIFF:
		config = func() (image.Config, error) { return tiff.DecodeConfig(r) }
		decode = func() (image.Image, error) { return tiff.Decode(r) }
	case formatWebP:
		config = func() (image.Config, error) { return webp.DecodeConfig(r) }
		decode = func() (image.Image, error) { return webp.Decode(r) }
	}
	c, err := config()
	if err != nil {
		return nil, err
	}
	if err := checkSize(f, c, len(data), maxPixels); err != nil {
		return nil, err
	}
	r.Reset(data)
	img, err := decode()
	if err != nil {
		return nil, err
	}
	b := img.Bounds()
	if b.Dx() <= 0 || b.Dy() <= 0 || b.Dx() > c.Width || b.Dy() > c.Height {
		return nil, fmt.Errorf("the header says %dx%d pixels, but the image has %dx%d", c.Width, c.Height, b.Dx(),
			b.Dy())
	}
	if f == formatGIF {
		return onCanvas(augment.FromImage(img), b.Min, c.Width, c.Height), nil
	}
	if y, ok := img.(*image.YCbCr); ok && f == formatWebP {
		return fromWebP(y), nil
	}
	if y, ok := img.(*image.NYCbCrA); ok && f == formatWebP {
		return fromWebP(&y.YCbCr), nil
	}
	return augment.FromImage(img), nil
}

// checkSize refuses a header's size before anything of that size is allocated.
func checkSize(f format, c image.Config, bytes, maxPixels int) error {
	if c.Width <= 0 || c.Height <= 0 {
		return fmt.Errorf("its header says %dx%d pixels", c.Width, c.Height)
	}
	if c.Width > maxPixels/c.Height {
		return fmt.Errorf("%dx%d pixels, more than the limit of %d", c.Width, c.Height, maxPixels)
	}
	if px := c.Width * c.Height; px/most(f, c.ColorModel, px) > bytes {
		return fmt.Errorf("its header says %dx%d pixels, which its %d bytes cannot hold", c.Width, c.Height, bytes)
	}
	return nil
}

// most is how many pixels one byte of a file can hold, so that a few bytes cannot claim gigabytes.
func most(f format, m color.Model, px int) int {
	switch f {
	case formatJPEG:
		return 1024 // a block of 64 pixels in a bit
	case formatGIF:
		return 4096 // LZW repeats at most its whole table's length per code of 12 bits
	case formatBMP:
		return 8
	case formatPNG:
		const deflate = 1032 // bytes from one
		switch m {
		case color.RGBAModel, color.NRGBAModel:
			return deflate / 3
		case color.Gray16Model:
			return deflate / 2
		case color.RGBA64Model, color.NRGBA64Model:
			return deflate / 6
		}
		return deflate * 8 // one bit each
	}
	// TIFF and WebP may encode a blank image in a few bytes; a large one is refused even so.
	if px > 16<<20 {
		return 4096
	}
	return px
}

// bufferedDecoder returns a function that reads a file into a buffer, decodes it and keeps the buffer for the next
// call. Goroutines that call it at the same time get a buffer each.
func bufferedDecoder(o Options) func(read func(buf []byte) ([]byte, error)) (*augment.Image, error) {
	// A few large files must not pin their size in every worker.
	const keep = 4 << 20
	pool := sync.Pool{New: func() any { return new([]byte) }}
	return func(read func(buf []byte) ([]byte, error)) (*augment.Image, error) {
		buf := pool.Get().(*[]byte)
		defer pool.Put(buf)
		data, err := read(*buf)
		if err != nil {
			return nil, err
		}
		if cap(data) <= keep {
			*buf = data
		}
		return decode(data, o.MaxPixels, cmp.Or(o.Decoder, DefaultDecoder()))
	}
}
