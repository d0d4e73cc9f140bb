// SPDX-License-Identifier: Apache-2.0

package jpeg

import "bytes"

// Image is a decoded picture. C is 1 for grey, 3 for RGB and 4 for CMYK as stored in the file (Adobe's files hold it
// inverted: 255 is no ink). Pix holds interleaved rows without padding, len(Pix) == W*H*C.
type Image struct {
	W, H, C int
	Pix     []uint8
}

// Info is what a file's markers say.
type Info struct {
	W, H     int
	Channels int // 1, 3 or 4
	// Bits is the number of bits of a pixel's samples as they are stored, 8 for grey, 12 for 4:2:0.
	Bits int
	// Coefficients is true if Decode keeps the coefficients of the whole image, since several scans build them.
	Coefficients bool
	Scans        int
	// Arithmetic is true for arithmetic coding, with which a few bytes can hold any number of pixels of one colour.
	Arithmetic bool
	// Common is true for files that every version of libjpeg-turbo decodes to the same pixels as this package.
	Common bool
}

// Inspect reads the markers of a whole file, without its entropy-coded data. It returns the reason if Decode would
// refuse the file by them.
func Inspect(data []byte) (Info, error) {
	d := newDecoder(data)
	err := d.walk(d.skipScan)
	if err != nil {
		return Info{}, err
	}
	f := d.frame
	return Info{
		W: f.w, H: f.h, Channels: len(f.components), Bits: f.bits(), Coefficients: f.several, Scans: d.scans,
		Arithmetic: f.arithmetic,
		Common:     !f.arithmetic && !d.typical && f.common(),
	}, nil
}

// bits returns the bits of a pixel's samples.
func (f *frame) bits() int {
	samples, across, down := 0, 1, 1
	for _, c := range f.components {
		samples, across, down = samples+c.h*c.v, max(across, c.h), max(down, c.v)
	}
	return max(1, 8*samples/(across*down))
}

// common reports whether the sampling is 4:4:4, 4:2:2, 4:2:0 or grey.
func (f *frame) common() bool {
	if len(f.components) == 1 {
		return true
	}
	for i, c := range f.components {
		if i == 0 && (c.h > 2 || c.v > c.h) || i > 0 && (c.h != 1 || c.v != 1) {
			return false
		}
	}
	return true
}

func (d *decoder) skipScan(s *scan) error {
	if _, err := d.entropy(s); err != nil {
		return err
	}
	for {
		at := bytes.IndexByte(d.data[d.pos:], 0xff)
		if at < 0 {
			d.pos = len(d.data)
			return nil
		}
		d.pos += at
		if d.pos+1 >= len(d.data) {
			return nil
		}
		m := d.data[d.pos+1]
		switch {
		case m == 0xff:
			d.pos++
		case m == 0, m >= markerRST0 && m < markerRST0+8:
			d.pos += 2
		default:
			return nil
		}
	}
}

// Decode decodes a file. It takes memory for as many pixels as the header says: ask Inspect before.
func Decode(data []byte) (Image, error) {
	d := newDecoder(data)
	ready := false
	err := d.walk(func(s *scan) error {
		if !ready {
			d.frame.allocate()
			ready = true
		}
		return d.decodeScan(s)
	})
	if err != nil {
		return Image{}, err
	}
	if d.frame.several {
		for _, c := range d.frame.components {
			for i := range c.coefficients {
				c.transform(i, &c.coefficients[i])
			}
			c.coefficients = nil
		}
	}
	return d.paint(), nil
}

func (f *frame) allocate() {
	for _, c := range f.components {
		blocks := c.stride * f.mcusY * c.v
		c.samples = make([]uint8, 64*blocks)
		if f.several {
			c.coefficients = make([]block, blocks)
		}
	}
}
