// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/parallax-ssl/parallax/augment"
)

// The values of biCompression that are read (Microsoft: BITMAPINFOHEADER).
const (
	bmpPlain  = 0
	bmpRLE8   = 1
	bmpRLE4   = 2
	bmpFields = 3
)

// bmpHeaders are the lengths of the headers: OS/2 1 (12), Windows 3 (40), its successors, and OS/2 2 (64).
var bmpHeaders = []uint32{12, 40, 52, 56, 64, 108, 124}

func isBMP(head []byte) bool {
	return bytes.HasPrefix(head, []byte("BM")) && len(head) >= 18 &&
		slices.Contains(bmpHeaders, binary.LittleEndian.Uint32(head[14:]))
}

// bmpFile is a BMP file's header.
type bmpFile struct {
	w, h        int
	down        bool // the first row is the top one
	bits        int
	compression uint32
	masks       [4]uint32      // red, green, blue and alpha, if compression is bmpFields
	palette     *[256][3]uint8 // of 1, 4 and 8 bits
	bilevel     bool           // the palette is black and white: every other index is white, too
	at          int            // the place of the pixels
}

func decodeBMP(data []byte, o Options) (*augment.Image, error) {
	f, err := readBMPHeader(data)
	if err != nil {
		return nil, err
	}
	h := header{w: f.w, h: f.h, bits: f.bits, by: raw}
	if f.runLength() {
		h.by, h.buffer = runs, 1
	}
	if err := o.admit(h, len(data)); err != nil {
		return nil, err
	}
	if f.runLength() {
		return f.runs(data)
	}
	row, err := f.row()
	if err != nil {
		return nil, err
	}
	return f.rows(data, row)
}

func (f *bmpFile) runLength() bool { return f.compression == bmpRLE8 || f.compression == bmpRLE4 }

func readBMPHeader(data []byte) (*bmpFile, error) {
	le := binary.LittleEndian
	length := int(le.Uint32(data[14:]))
	if len(data) < 14+length {
		return nil, errors.New("the file ends within its header")
	}
	at := 14 + length
	h := data[14:at]
	f := &bmpFile{at: int(le.Uint32(data[10:]))}
	used, entry := 0, 4
	if length == 12 {
		f.w, f.h, f.bits = int(le.Uint16(h[4:])), int(le.Uint16(h[6:])), int(le.Uint16(h[10:]))
		entry = 3
	} else {
		f.w, f.h, f.bits = int(le.Uint32(h[4:])), int(le.Uint32(h[8:])), int(le.Uint16(h[14:]))
		if f.down = h[11] == 0xff; f.down {
			f.h = -int(int32(f.h))
		}
		f.compression, used = le.Uint32(h[16:]), int(le.Uint32(h[32:]))
	}
	if !slices.Contains([]int{1, 4, 8, 16, 24, 32}, f.bits) {
		return nil, fmt.Errorf("%d bits per pixel: save it with 24", f.bits)
	}
	if f.compression > bmpFields {
		return nil, fmt.Errorf("compression %d, which is not read: save it without", f.compression)
	}
	if f.compression == bmpFields {
		n := 3
		if length == 40 { // the masks follow
			if h = data[14:]; len(h) < 52 {
				return nil, errors.New("the file ends within its masks")
			}
			at += 12
		} else if length >= 56 {
			n = 4
		}
		for i := range n {
			f.masks[i] = le.Uint32(h[40+4*i:])
		}
	}
	if used == 0 {
		used = 1 << f.bits
	}
	if f.bits <= 8 {
		if used > 1<<16 {
			return nil, fmt.Errorf("its header says %d colours", used)
		}
		if f.at == 14+length { // some writers count the palette as pixels
			f.at += entry * used
		}
		if err := f.readPalette(data[at:min(len(data), at+entry*used)], used, entry); err != nil {
			return nil, err
		}
		at += entry * used
	}
	if f.at == 0 {
		f.at = at
	}
	if f.at > len(data) {
		return nil, errors.New("its pixels are beyond the end of the file")
	}
	return f, nil
}

// readPalette reads the used colours. If they are grey levels in order, Pillow takes the indices themselves for levels,
// and for one bit each if there are two, whatever the bits of a pixel: where that goes wrong, it is refused.
func (f *bmpFile) readPalette(p []byte, used, entry int) error {
	f.palette = new([256][3]uint8)
	grey := true
	for i := range used {
		level := i
		if used == 2 {
			level = 255 * i
		}
		e := p[min(i*entry, len(p)):]
		if len(e) < 3 || int(e[0]) != level || int(e[1]) != level || int(e[2]) != level {
			grey = false
		}
		if len(e) >= entry && i < 256 {
			f.palette[i] = [3]uint8{e[2], e[1], e[0]}
		}
	}
	if !grey {
		if len(p)/entry > 256 {
			return fmt.Errorf("a palette of %d colours, more than 256", used)
		}
		return nil
	}
	packed := f.compression == bmpPlain
	if f.bilevel = used <= 2; f.bilevel {
		if packed && f.bits != 1 {
			return fmt.Errorf("a palette of black and white for %d bits per pixel, which readers take for 1 bit: "+
				"save it with 1 or 24", f.bits)
		}
		for i := 1; i < 256; i++ {
			f.palette[i] = [3]uint8{255, 255, 255}
		}
		return nil
	}
	if packed && f.bits != 8 {
		return fmt.Errorf("a palette of %d grey levels in order for %d bits per pixel, which readers take for 8 bits: "+
			"save it with 8 or 24", used, f.bits)
	}
	for i := range 256 {
		f.palette[i] = [3]uint8{uint8(i), uint8(i), uint8(i)}
	}
	return nil
}

// row returns the function that converts a stored row to RGB.
func (f *bmpFile) row() (func(out, in []uint8), error) {
	switch f.bits {
	case 1, 4, 8:
		if f.compression == bmpFields {
			break
		}
		per, top := 8/f.bits, uint8(1<<f.bits-1)
		return func(out, in []uint8) {
			for x := range f.w {
				shift := 8 - f.bits*(x%per+1)
				copy(out[3*x:3*x+3], f.palette[in[x/per]>>shift&top][:])
			}
		}, nil
	case 16:
		green, ok := f.fields16()
		if !ok {
			break
		}
		return func(out, in []uint8) {
			for x := range f.w {
				v := int(in[2*x]) | int(in[2*x+1])<<8
				out[3*x] = uint8(v >> (5 + green) & 31 * 255 / 31)
				out[3*x+1] = uint8(v >> 5 & (1<<green - 1) * 255 / (1<<green - 1))
				out[3*x+2] = uint8(v & 31 * 255 / 31)
			}
		}, nil
	case 24, 32:
		place, ok := f.fields()
		if !ok {
			break
		}
		bytes := f.bits / 8
		return func(out, in []uint8) {
			for x := range f.w {
				for c := range 3 {
					out[3*x+c] = in[bytes*x+place[c]]
				}
			}
		}, nil
	}
	return nil, fmt.Errorf("the colour masks %x of %d bits per pixel, which are not read: save it with 24", f.masks,
		f.bits)
}

// fields16 returns the bits of green: 5, or 6 in 565.
func (f *bmpFile) fields16() (green int, ok bool) {
	if f.compression == bmpPlain {
		return 5, true
	}
	switch [3]uint32(f.masks[:3]) {
	case [3]uint32{0x7c00, 0x3e0, 0x1f}:
		return 5, true
	case [3]uint32{0xf800, 0x7e0, 0x1f}:
		return 6, true
	}
	return 0, false
}

// fields returns the places of red, green and blue among the bytes of a pixel.
func (f *bmpFile) fields() (place [3]int, ok bool) {
	bgr := [3]int{2, 1, 0}
	if f.compression == bmpPlain {
		return bgr, true
	}
	if f.bits == 24 {
		return bgr, [3]uint32(f.masks[:3]) == [3]uint32{0xff0000, 0xff00, 0xff}
	}
	switch f.masks {
	case [4]uint32{}, [4]uint32{0xff0000, 0xff00, 0xff, 0}, [4]uint32{0xff0000, 0xff00, 0xff, 0xff000000}:
		return bgr, true
	case [4]uint32{0xff000000, 0xff0000, 0xff00, 0}, [4]uint32{0xff000000, 0xff0000, 0xff00, 0xff}:
		return [3]int{3, 2, 1}, true
	case [4]uint32{0xff000000, 0xff00, 0xff, 0}, [4]uint32{0xff000000, 0xff00, 0xff, 0xff0000}:
		return [3]int{3, 1, 0}, true
	case [4]uint32{0xff, 0xff00, 0xff0000, 0xff000000}:
		return [3]int{0, 1, 2}, true
	}
	return place, false
}

// rows reads the rows of pixels that are not run-length encoded. A row takes a multiple of four bytes.
func (f *bmpFile) rows(data []byte, row func(out, in []uint8)) (*augment.Image, error) {
	stored, stride := (f.w*f.bits+7)/8, (f.w*f.bits+31)/32*4
	if need := (f.h-1)*stride + stored; len(data)-f.at < need {
		return nil, fmt.Errorf("the file ends within its pixels: %d of %d bytes", len(data)-f.at, need)
	}
	img := augment.NewImage(f.w, f.h)
	for y := range f.h {
		at := f.at + y*stride
		row(img.Pix[3*f.w*f.line(y):], data[at:at+stored])
	}
	return img, nil
}

// line returns the place in the image of the row that is stored at y.
func (f *bmpFile) line(y int) int {
	if f.down {
		return y
	}
	return f.h - 1 - y
}

// runs reads run-length encoded pixels: pairs of a count and a value, and escapes that begin with 0.
func (f *bmpFile) runs(data []byte) (*augment.Image, error) {
	if f.bits > 8 {
		return nil, fmt.Errorf("run-length encoding of %d bits per pixel: save it without", f.bits)
	}
	indices, err := f.indices(data)
	if err != nil {
		return nil, err
	}
	img := augment.NewImage(f.w, f.h)
	for y := range f.h {
		out := img.Pix[3*f.w*f.line(y):]
		for x, v := range indices[y*f.w : (y+1)*f.w] {
			copy(out[3*x:3*x+3], f.palette[v][:])
		}
	}
	return img, nil
}

func (f *bmpFile) indices(data []byte) ([]uint8, error) {
	all := f.w * f.h
	out := make([]uint8, 0, all)
	at, x := f.at, 0 // x is the column that Pillow counts: absolute runs may leave the row
	for len(out) < all && at+2 <= len(data) {
		n, v := int(data[at]), data[at+1]
		at += 2
		switch {
		case n > 0:
			n = min(n, max(f.w-x, 0), all-len(out))
			out = f.repeat(out, v, n)
			x += n
		case v == 0: // end of the line
			out = append(out, make([]uint8, (f.w-len(out)%f.w)%f.w)...)
			x = 0
		case v == 1: // end of the image
			at = len(data)
		case v == 2: // skip
			if at+2 > len(data) {
				return nil, errShortBMP(len(out), all)
			}
			skip := int(data[at]) + int(data[at+1])*f.w
			at += 2
			out = append(out, make([]uint8, min(skip, all-len(out)))...)
			x = len(out) % f.w
		default: // as many pixels as they are, in whole words
			x += int(v)
			n = min(int(v), all-len(out))
			stored := n
			if f.compression == bmpRLE4 {
				stored = (n + 1) / 2
			}
			if at+stored > len(data) {
				return nil, errShortBMP(len(out), all)
			}
			out = f.literal(out, data[at:at+stored], n)
			at += stored
			at += at % 2
		}
	}
	if len(out) < all {
		return nil, errShortBMP(len(out), all)
	}
	return out, nil
}

func errShortBMP(got, want int) error {
	return fmt.Errorf("its runs end after %d of %d pixels", got, want)
}

// repeat appends n pixels of v, which holds two pixels in turn if a pixel has four bits.
func (f *bmpFile) repeat(out []uint8, v uint8, n int) []uint8 {
	pair := [2]uint8{v, v}
	if f.compression == bmpRLE4 {
		pair = [2]uint8{v >> 4, v & 15}
	}
	for i := range n {
		out = append(out, pair[i%2])
	}
	return out
}

// literal appends n pixels.
func (f *bmpFile) literal(out, in []uint8, n int) []uint8 {
	if f.compression == bmpRLE8 {
		return append(out, in...)
	}
	for i := range n {
		out = append(out, in[i/2]>>(4-4*(i%2))&15)
	}
	return out
}
