// SPDX-License-Identifier: Apache-2.0

package tiff

import (
	"errors"
	"io"
)

// Options of group 3 (T4Options).
const fax2D = 1

// faxReader decodes facsimile rows (TIFF 6.0, sections 10 and 11; ITU-T T.4 and T.6). A black pixel is a bit 1. Damage
// is an error.
type faxReader struct {
	tables     *faxTables
	bits       faxBits
	w          int
	aligned    bool  // each row begins at a byte
	endOfLine  bool  // each row begins with an end of line
	twoD       bool  // the row above may describe a row
	above, row []int // where the colour changes, from white at the left
	packed     []uint8
	left       []uint8 // of packed, what is not read
}

func (p *page) faxReader(data []byte) (io.Reader, error) {
	if p.bits != 1 || p.samples != 1 {
		return nil, errors.New("facsimile compression of other samples than 1 bit")
	}
	f := &faxReader{tables: loadFaxTables(), bits: faxBits{data: data}, w: p.chunkW}
	f.packed = make([]uint8, p.rowBytes())
	switch p.compression {
	case faxRLE:
		f.aligned = true
	case fax3:
		f.endOfLine, f.twoD = true, p.fax&fax2D != 0
	}
	if p.compression == fax4 {
		f.twoD = true
	}
	return f, nil
}

func (f *faxReader) Read(out []byte) (n int, err error) {
	for n < len(out) {
		if len(f.left) == 0 {
			if err := f.next(); err != nil {
				return n, err
			}
		}
		copied := copy(out[n:], f.left)
		f.left, n = f.left[copied:], n+copied
	}
	return n, nil
}

// next decodes a row.
func (f *faxReader) next() error {
	f.above, f.row = f.row, f.above[:0]
	oneD := !f.twoD
	if f.endOfLine {
		if err := f.bits.endOfLine(); err != nil {
			return err
		}
		if f.twoD {
			oneD = f.bits.peek(1) == 1
			f.bits.skip(1)
		}
	}
	if f.aligned {
		f.bits.align()
	}
	decode := f.decode2D
	if oneD {
		decode = f.decode1D
	}
	if err := decode(); err != nil {
		return err
	}
	if f.bits.over() {
		return io.ErrUnexpectedEOF
	}
	f.pack()
	return nil
}

// change notes that the colour changes at the column at. Two changes at one column are none.
func (f *faxReader) change(at int) {
	if n := len(f.row); n > 0 && f.row[n-1] == at {
		f.row = f.row[:n-1]
		return
	}
	f.row = append(f.row, at)
}

// pack draws the black runs of the row.
func (f *faxReader) pack() {
	clear(f.packed)
	for i := 0; i < len(f.row); i += 2 {
		end := f.w
		if i+1 < len(f.row) {
			end = f.row[i+1]
		}
		for x := f.row[i]; x < end; {
			if x%8 == 0 && end-x >= 8 {
				f.packed[x/8] = 0xff
				x += 8
				continue
			}
			f.packed[x/8] |= 0x80 >> (x % 8)
			x++
		}
	}
	f.left = f.packed
}

var errFax = errors.New("its facsimile data is damaged")

// run reads a run of a colour.
func (f *faxReader) run(colour int) (int, error) {
	for run := 0; ; {
		c := f.tables.runs[colour][f.bits.peek(faxCodeBits)]
		if c.bits == 0 || run > f.w {
			return 0, errFax
		}
		f.bits.skip(int(c.bits))
		run += int(c.value)
		if c.value < 64 {
			return run, nil
		}
	}
}

func (f *faxReader) decode1D() error {
	for x, colour := 0, 0; x < f.w; colour ^= 1 {
		run, err := f.run(colour)
		if err != nil {
			return err
		}
		if x += run; x > f.w {
			return errFax
		}
		f.change(x)
	}
	return nil
}

// changeAbove is the column of a change in the row above, or the row's end.
func (f *faxReader) changeAbove(i int) int {
	if i < len(f.above) {
		return f.above[i]
	}
	return f.w
}

// decode2D decodes a row by the row above. x is the changing element a0 of T.4, and changeAbove(b) is b1.
func (f *faxReader) decode2D() error {
	x, colour, b := -1, 0, 0
	for x < f.w {
		for b < len(f.above) && f.above[b] <= x {
			b += 2
		}
		c := f.tables.modes[0][f.bits.peek(faxCodeBits)]
		if c.bits == 0 {
			return errFax
		}
		f.bits.skip(int(c.bits))
		switch c.value {
		case pass:
			x = f.changeAbove(b + 1)
		case horizontal:
			x = max(x, 0)
			for range 2 {
				run, err := f.run(colour)
				if err != nil {
					return err
				}
				if x += run; x > f.w {
					return errFax
				}
				f.change(x)
				colour ^= 1
			}
		default:
			to := f.changeAbove(b) + [...]int{0, 1, 2, 3, -1, -2, -3}[c.value-vertical0]
			if to < max(x, 0) || to > f.w {
				return errFax
			}
			f.change(to)
			x, colour = to, colour^1
			// b1 is of the other colour now. It may be one to the left.
			if b > 0 {
				b--
			} else {
				b++
			}
		}
	}
	return nil
}

// faxBits reads bits, the highest of a byte first. Beyond the end they are zero.
type faxBits struct {
	data []byte
	at   int // in bits
}

func (b *faxBits) peek(n int) int {
	v := 0
	for i := range 3 {
		v <<= 8
		if at := b.at/8 + i; at < len(b.data) {
			v |= int(b.data[at])
		}
	}
	return v >> (24 - b.at%8 - n) & (1<<n - 1)
}

func (b *faxBits) skip(n int) { b.at += n }
func (b *faxBits) align()     { b.at = (b.at + 7) / 8 * 8 }
func (b *faxBits) over() bool { return b.at > 8*len(b.data) }

// endOfLine skips an end of line: 11 or more zeros and a one.
func (b *faxBits) endOfLine() error {
	for zeros := 0; !b.over(); zeros++ {
		bit := b.peek(1)
		b.skip(1)
		if bit == 1 {
			if zeros < 11 {
				return errors.New("its facsimile data has no end of line before a row")
			}
			return nil
		}
	}
	return io.ErrUnexpectedEOF
}
