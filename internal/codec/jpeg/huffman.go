// SPDX-License-Identifier: Apache-2.0

package jpeg

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errDamaged = errors.New("the JPEG data is damaged")

// fastBits is how many bits of a code are looked up at once.
const fastBits = 9

// huffmanTable decodes a Huffman code (T.81, annex C).
type huffmanTable struct {
	fast   *[1 << fastBits]uint16 // by the next bits: the code's length << 8 | its symbol; 0: the code is longer
	spec   *huffmanSpec
	limit  [18]int // by length: 1 + the last code of that length, as 16 bits; the last is above all
	offset [17]int // by length: add a code to find its symbol
}

// newHuffmanTable returns a table without fast, which a file whose markers alone are read does not need.
func newHuffmanTable(spec *huffmanSpec, dc bool) (*huffmanTable, error) {
	t := &huffmanTable{spec: spec}
	code, at := 0, 0
	for n := 1; n <= 16; n++ {
		t.offset[n] = at - code
		for range spec.counts[n] {
			if code >= 1<<n {
				return nil, errors.New("a JPEG Huffman table with more codes than it can have")
			}
			if dc && spec.symbols[at] > 15 {
				return nil, errors.New("a JPEG Huffman table with a difference of more than 15 bits")
			}
			code++
			at++
		}
		t.limit[n] = code << (16 - n)
		code <<= 1
	}
	t.limit[17] = 1 << 17
	return t, nil
}

func (t *huffmanTable) quicken() {
	t.fast = new([1 << fastBits]uint16)
	code, at := 0, 0
	for n := 1; n <= fastBits; n++ {
		for range t.spec.counts[n] {
			for i := range 1 << (fastBits - n) {
				t.fast[code<<(fastBits-n)+i] = uint16(n)<<8 | uint16(t.spec.symbols[at])
			}
			code++
			at++
		}
		code <<= 1
	}
}

// huffman decodes the data of a scan that is Huffman-coded (T.81, annex F.2.2 and G.2).
type huffman struct {
	data   []byte
	pos    int    // of the byte that comes into bits next
	bits   uint64 // the low count bits are the next of the data
	count  int
	padded int  // the last of them are zeros behind the end of the data
	bad    bool // a number cannot be

	dc, ac  [4]*huffmanTable
	s       *scan
	eobRun  int // blocks whose coefficients of a progressive scan have ended
	process func(*huffman, *scanComponent, *block)
}

func (d *decoder) newHuffman(s *scan) (*huffman, error) {
	h := &huffman{data: d.data, s: s, process: (*huffman).sequential}
	needDC, needAC := true, true
	if d.frame.progressive {
		needDC, needAC = s.first == 0 && s.high == 0, s.first > 0
		h.process = h.progressive()
	}
	for _, c := range s.components {
		if err := d.derive(&h.dc, 0, c.dcTable, needDC); err != nil {
			return nil, err
		}
		if err := d.derive(&h.ac, 1, c.acTable, needAC); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (d *decoder) derive(tables *[4]*huffmanTable, class, id int, need bool) (err error) {
	if !need {
		return nil
	}
	if id > 3 {
		return fmt.Errorf("the JPEG Huffman table %d is missing", id)
	}
	spec := d.huffman[class][id]
	if spec == nil && id < 2 && !d.frame.progressive {
		spec, d.typical = typical(class, id), true
	}
	if spec == nil {
		return fmt.Errorf("the JPEG Huffman table %d is missing", id)
	}
	tables[id], err = newHuffmanTable(spec, class == 0)
	return err
}

func (h *huffman) restart(pos int) {
	for _, tables := range [...][4]*huffmanTable{h.dc, h.ac} {
		for _, t := range tables {
			if t != nil && t.fast == nil {
				t.quicken()
			}
		}
	}
	h.pos, h.bits, h.count, h.padded, h.eobRun = pos, 0, 0, 0, 0
}

func (h *huffman) end() (int, error) {
	switch {
	case h.bad:
		return h.pos, errDamaged
	case h.padded > h.count && h.pos >= len(h.data)-1:
		return h.pos, errCut
	case h.padded > h.count:
		return h.pos, errDamaged
	}
	return h.pos, nil
}

func (h *huffman) decode(c *scanComponent, b *block) error {
	h.process(h, c, b)
	return nil
}

// fill makes count at least 48. It stops at a marker, behind which zeros follow.
func (h *huffman) fill() {
	if h.pos+8 <= len(h.data) {
		v := binary.BigEndian.Uint64(h.data[h.pos:])
		if n := ^v; (n-0x0101010101010101)&^n&0x8080808080808080 == 0 { // no byte is 0xff
			k := (64 - h.count) >> 3
			h.bits = h.bits<<(8*k) | v>>(64-8*k)
			h.count += 8 * k
			h.pos += k
			return
		}
	}
	for h.count <= 56 {
		v := uint64(0)
		switch {
		case h.pos < len(h.data) && h.data[h.pos] != 0xff:
			v = uint64(h.data[h.pos])
			h.pos++
		case h.stuffed():
			v = 0xff
		default:
			h.padded += 8
		}
		h.bits = h.bits<<8 | v
		h.count += 8
	}
}

// stuffed reports whether a byte 0xff of data comes next, which a zero follows, and skips it.
func (h *huffman) stuffed() bool {
	at := h.pos
	for at < len(h.data) && h.data[at] == 0xff {
		at++
	}
	if at == h.pos || at >= len(h.data) || h.data[at] != 0 {
		return false
	}
	h.pos = at + 1
	return true
}

// symbol decodes a code. At least 16 bits for what the symbol announces remain. Like libjpeg-turbo, which does not
// notice it, symbol takes 17 bits that are no code of the table for a zero.
func (h *huffman) symbol(t *huffmanTable) uint8 {
	if h.count < 33 {
		h.fill()
	}
	if f := t.fast[h.bits>>(h.count-fastBits)&(1<<fastBits-1)]; f != 0 {
		h.count -= int(f >> 8)
		return uint8(f)
	}
	next := int(h.bits >> (h.count - 16) & 0xffff)
	n := fastBits + 1
	for next >= t.limit[n] {
		n++
	}
	h.count -= n
	if n > 16 {
		return 0
	}
	return t.spec.symbols[uint8(next>>(16-n)+t.offset[n])]
}

// receive returns the next n bits, up to 16 after a symbol.
func (h *huffman) receive(n uint8) int {
	h.count -= int(n)
	return int(h.bits >> h.count & (1<<n - 1))
}

// extended returns a number of n bits with its sign (T.81, F.2.2.1).
func (h *huffman) extended(n uint8) int {
	if n == 0 {
		return 0
	}
	v := h.receive(n)
	if v < 1<<(n-1) {
		v += -1<<n + 1
	}
	return v
}

func (h *huffman) bit() int {
	if h.count < 1 {
		h.fill()
	}
	return h.receive(1)
}

// sequential decodes a whole block.
func (h *huffman) sequential(c *scanComponent, b *block) {
	c.prediction += h.extended(h.symbol(h.dc[c.dcTable]))
	b[0] = int16(c.prediction)
	t := h.ac[c.acTable]
	for k := 1; k < 64; k++ {
		s := h.symbol(t)
		run, size := int(s>>4), s&15
		if size == 0 {
			if run != 15 {
				return
			}
			k += 15
			continue
		}
		k += run
		b[zigzag[k]] = int16(h.extended(size))
	}
}
