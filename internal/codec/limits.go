// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"
)

// Limits bound what is made of image files. A zero value is the default.
type Limits struct {
	// MaxPixels bounds width*height. 0 is DefaultMaxPixels.
	MaxPixels int
	// Budget is what all images that are decoded at the same time share. nil is the one of the process.
	Budget *Budget
}

// DefaultMaxPixels is a square of 16,384 pixels, 768 MiB. Pillow refuses images of more than 178,956,970 pixels, which
// a scan of 20,000 x 10,000 has.
const DefaultMaxPixels = 1 << 28

// maxSide bounds the longer side. The tables of a resize grow with it.
const maxSide = 1 << 20

// bombBytes bounds the memory of an image whose file is absurdly small: if decoding takes more, the file is refused.
// A blank page of A4 at 400 dots per inch is such a file, and takes 59 MiB. Smaller images of this kind share
// suspectBytes at any one time, because a run reads each image several times, and decoding them costs time as well.
const (
	bombBytes    = 64 << 20
	suspectBytes = 2 * bombBytes
)

// A scan of a JPEG file may say in a few bytes that every pixel stays as it is. Encoders write up to honestScans; more
// may pass over scannedPixels together, a quarter of a second's work.
const (
	honestScans   = 20
	scannedPixels = 1 << 28
)

// ErrBomb is wrapped by the error of a file that is absurdly small for what it decodes to.
var ErrBomb = errors.New("a decompression bomb, or a blank image of this size")

// ErrTooLarge is what the error of an image with more pixels than the limits allow is, by errors.Is.
var ErrTooLarge = errors.New("too many pixels")

// tooLarge is an error that is ErrTooLarge.
type tooLarge struct{ error }

func (tooLarge) Is(target error) bool { return target == ErrTooLarge }

// A compression says how many bytes of packed pixels a byte of a file can hold.
type compression struct {
	most   int // no file reaches more; 0: a few bytes can hold any blank image
	honest int // no file with a picture in it reaches more
}

// The compressions. Honest pictures were measured: photographs hold up to 20 packed bytes a byte, JPEG of the lowest
// quality 40, screenshots and drawings in flat colours 100, pages of text in black and white 35 as PNG and 100 by
// CCITT's code.
var (
	raw      = compression{1, 1}
	packBits = compression{64, 32}
	runs     = compression{128, 64} // BMP's
	deflate  = compression{1032, 200}
	lzwCodes = compression{4096, 200} // a code of 12 bits repeats at most its whole table's length
	huffman  = compression{512, 48}   // JPEG: a block of 64 samples takes a bit or more, 6 bits with the usual tables
	blank    = compression{0, 200}    // CCITT's codes for black and white, and WebP
)

// A header is what the header of an image file says, and what decoding the file takes.
type header struct {
	w, h   int
	bits   int // of a pixel before compression: 1 for black and white, 24 for RGB
	by     compression
	buffer int // bytes for each pixel that decoding takes at once, besides the result
	deep   int // channels of a deep result in float32; 0: of 8-bit RGB, which may become deep afterwards
	scans  int // how often decoding goes over the image; 0 is once
}

func (o Options) withDefaults() Options {
	if o.MaxPixels <= 0 {
		o.MaxPixels = DefaultMaxPixels
	}
	if o.Budget == nil {
		o.Budget = shared()
	}
	return o
}

// admit refuses a header whose image is beyond the limits, or cannot be in the bytes of its file, or would be a bomb.
// Else it waits until the image fits into the budget. A decoder calls it once it knows the header, and takes no memory
// in proportion to the image before that. A decoder that gives up may leave the file to another, which calls it again.
func (o Options) admit(h header, bytes int) error {
	if h.w <= 0 || h.h <= 0 {
		return fmt.Errorf("its header says %dx%d pixels", h.w, h.h)
	}
	if o.measure {
		return size{h.w, h.h}
	}
	if h.w > o.MaxPixels/h.h {
		return tooLarge{fmt.Errorf("%dx%d pixels, more than the limit of %d", h.w, h.h, o.MaxPixels)}
	}
	if h.w > maxSide || h.h > maxSide {
		return tooLarge{fmt.Errorf("%dx%d pixels, and no side may be longer than %d", h.w, h.h, maxSide)}
	}
	px, result, buffer := int64(h.w)*int64(h.h), 3, h.buffer
	switch {
	case h.deep > 0:
		result = 4 * h.deep
	case o.Deep:
		result, buffer = 4*3, max(buffer, 3)
	}
	if o.turned {
		buffer = max(buffer, result)
	}
	packed, peak := (px*int64(h.bits)+7)/8, px*int64(result+buffer)
	if h.by.most > 0 && packed/int64(h.by.most) > int64(bytes) {
		return fmt.Errorf("its header says %dx%d pixels, which its %d bytes cannot hold", h.w, h.h, bytes)
	}
	suspect := packed > int64(h.by.honest)*int64(bytes)
	if suspect && peak > bombBytes {
		return fmt.Errorf("%w: %d bytes claim %dx%d pixels, which take %s to decode; no picture is compressed %d "+
			"times", ErrBomb, bytes, h.w, h.h, humanize.IBytes(uint64(peak)), packed/int64(bytes))
	}
	if h.scans > honestScans && px > scannedPixels/int64(h.scans) {
		return fmt.Errorf("%w: %d scans of %dx%d pixels", ErrBomb, h.scans, h.w, h.h)
	}
	if o.lease == nil {
		return nil
	}
	if err := o.lease.image(peak, suspect); err != nil {
		return fmt.Errorf("%dx%d pixels: %w", h.w, h.h, err)
	}
	return nil
}
