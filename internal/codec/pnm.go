// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec/tiff"
)

// isPNM reports whether head begins like a PBM (P1, P4), PGM (P2, P5), PPM (P3, P6) or grey PFM (Pf) file, header and
// all, so that a text that begins with "P5" is none.
func isPNM(head []byte) bool {
	_, err := readPNMHeader(head)
	return err == nil || errors.Is(err, errPNMLong) && len(head) >= 512
}

// pnmFile is a PNM file's header.
type pnmFile struct {
	kind   byte // 1 to 6, or 'f'
	w, h   int
	top    int  // the sample that is white
	little bool // the bytes of PFM are in little-endian order
	start  int  // the place of the samples
}

var (
	errPNM     = errors.New("not a PNM header")
	errPNMLong = errors.New("the file ends within its header")
)

// tokens reads the words of a PNM file. White space separates words; a comment begins with # and ends with its line.
type tokens struct {
	data []byte
	at   int
}

// next returns the next word, up to the white space after it, which is skipped.
func (t *tokens) next() (string, error) {
	var word []byte
	for ; t.at < len(t.data); t.at++ {
		c := t.data[t.at]
		switch {
		case c == '#':
			for t.at < len(t.data) && t.data[t.at] != '\n' && t.data[t.at] != '\r' {
				t.at++
			}
		case !isPNMSpace(c):
			if word = append(word, c); len(word) > 10 {
				return "", fmt.Errorf("%w: %q is too long", errPNM, word)
			}
		case len(word) > 0:
			t.at++
			return string(word), nil
		}
	}
	if len(word) == 0 {
		return "", errPNMLong
	}
	return string(word), nil
}

func isPNMSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// number returns the next word as a number.
func (t *tokens) number() (int, error) {
	word, err := t.next()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(word, 10, 40)
	if err != nil {
		return 0, fmt.Errorf("%w: %q is no number", errPNM, word)
	}
	return int(n), nil
}

func readPNMHeader(data []byte) (f pnmFile, err error) {
	if len(data) < 3 || data[0] != 'P' || !isPNMSpace(data[2]) ||
		(data[1] != 'f' && (data[1] < '1' || data[1] > '6')) {
		return f, errPNM
	}
	f = pnmFile{kind: data[1] - '0', top: 1}
	t := &tokens{data, 3}
	if f.w, err = t.number(); err != nil {
		return f, err
	}
	if f.h, err = t.number(); err != nil {
		return f, err
	}
	switch f.kind {
	case 1, 4:
	case 'f' - '0':
		f.kind = 'f'
		word, err := t.next()
		if err != nil {
			return f, err
		}
		scale, err := strconv.ParseFloat(word, 64)
		if err != nil || scale == 0 || math.IsInf(scale, 0) || math.IsNaN(scale) {
			return f, fmt.Errorf("%w: the scale is %q", errPNM, word)
		}
		f.little = scale < 0
	default:
		if f.top, err = t.number(); err != nil {
			return f, err
		}
		if f.top == 0 || f.top > math.MaxUint16 {
			return f, fmt.Errorf("%w: the largest sample is %d", errPNM, f.top)
		}
	}
	f.start = min(t.at, len(data)) // a comment may end with the file
	return f, nil
}

// samples returns the number of samples of a pixel.
func (f pnmFile) samples() int {
	if f.kind == 3 || f.kind == 6 {
		return 3
	}
	return 1
}

// levels returns the 8-bit level of each sample, which Pillow scales. Grey of 16 bits keeps its high byte, which Pillow
// clips at 255.
func (f pnmFile) levels() []uint8 {
	size, most, shift := 256, 255.0, 0
	if f.top > 255 {
		size = 1 << 16
		if f.samples() == 1 {
			most, shift = 65535, 8
		}
	}
	table := make([]uint8, size)
	for v := range table {
		scaled := math.RoundToEven(float64(v) / float64(f.top) * most)
		table[v] = uint8(int(min(scaled, most)) >> shift)
	}
	return table
}

func decodePNM(data []byte, o Options) (*augment.Image, error) {
	f, err := readPNMHeader(data)
	if err != nil {
		return nil, err
	}
	bits := 8 * f.samples() // at least: plain numbers take a byte or more
	if f.kind == 1 || f.kind == 4 {
		bits = 1
	}
	if err := o.admit(header{w: f.w, h: f.h, bits: bits, by: raw}, len(data)); err != nil {
		return nil, err
	}
	data = data[f.start:]
	img := augment.NewImage(f.w, f.h)
	switch f.kind {
	case 1:
		err = f.plainBits(data, img)
	case 2, 3:
		err = f.plain(data, img)
	case 4:
		err = f.bits(data, img)
	case 'f':
		err = f.floats(data, img)
	default:
		err = f.binary(data, img)
	}
	if err != nil {
		return nil, err
	}
	return img, nil
}

// set sets the sample i of the image, or all three of the pixel i if it is grey.
func (f pnmFile) set(img *augment.Image, i int, v uint8) {
	if f.samples() == 3 {
		img.Pix[i] = v
		return
	}
	img.Pix[3*i], img.Pix[3*i+1], img.Pix[3*i+2] = v, v, v
}

// plainBits reads digits with or without white space between them; 1 is black.
func (f pnmFile) plainBits(data []byte, img *augment.Image) error {
	i := 0
	for at := 0; at < len(data) && i < f.w*f.h; at++ {
		switch c := data[at]; {
		case c == '#':
			for at < len(data) && data[at] != '\n' && data[at] != '\r' {
				at++
			}
		case c == '0' || c == '1':
			f.set(img, i, 255*('1'-c))
			i++
		case !isPNMSpace(c):
			return fmt.Errorf("the character %q among its bits", c)
		}
	}
	return f.whole(i)
}

func (f pnmFile) plain(data []byte, img *augment.Image) error {
	t := &tokens{data: data}
	levels := f.levels()
	for i := range f.samples() * f.w * f.h {
		v, err := t.number()
		if errors.Is(err, errPNMLong) {
			return f.whole(i)
		}
		if err != nil {
			return err
		}
		if v > f.top {
			return fmt.Errorf("a sample of %d, more than its header's %d", v, f.top)
		}
		f.set(img, i, levels[v])
	}
	return nil
}

func (f pnmFile) binary(data []byte, img *augment.Image) error {
	size := 1
	if f.top > 255 {
		size = 2
	}
	n := f.samples() * f.w * f.h
	if len(data) < size*n {
		return f.whole(len(data) / size)
	}
	levels := f.levels()
	for i := range n {
		if size == 1 {
			f.set(img, i, levels[data[i]])
		} else {
			f.set(img, i, levels[binary.BigEndian.Uint16(data[2*i:])])
		}
	}
	return nil
}

// bits reads packed bits, of which 1 is black. A row takes whole bytes.
func (f pnmFile) bits(data []byte, img *augment.Image) error {
	stride := (f.w + 7) / 8
	if len(data) < stride*f.h {
		return f.whole(len(data) / stride * f.w)
	}
	for y := range f.h {
		for x := range f.w {
			f.set(img, y*f.w+x, 255*(1-data[y*stride+x/8]>>(7-x%8)&1))
		}
	}
	return nil
}

// floats reads a PFM file's rows, from the lowest to the top. Like Pillow, it clips them to 0 to 255.
func (f pnmFile) floats(data []byte, img *augment.Image) error {
	if len(data) < 4*f.w*f.h {
		return f.whole(len(data) / 4)
	}
	var order binary.ByteOrder = binary.BigEndian
	if f.little {
		order = binary.LittleEndian
	}
	for i := range f.w * f.h {
		v := math.Float32frombits(order.Uint32(data[4*i:]))
		f.set(img, (f.h-1-i/f.w)*f.w+i%f.w, tiff.ClipFloat(v))
	}
	return nil
}

// whole returns an error if only got samples were found.
func (f pnmFile) whole(got int) error {
	if want := f.samples() * f.w * f.h; got < want {
		return fmt.Errorf("the file ends within its pixels: %d of %d samples", got, want)
	}
	return nil
}
