// SPDX-License-Identifier: Apache-2.0

package jpeg

import "errors"

// progress notes which coefficients a progressive scan has, and checks that the bits of each come in order (T.81, G.1).
func (s *scan) progress() error {
	errOrder := errors.New("a JPEG with a progressive scan that cannot be")
	switch {
	case s.first == 0 && s.last != 0, s.first > s.last, s.last > 63, s.first > 0 && len(s.components) > 1,
		s.high != 0 && s.low != s.high-1, s.low > 13:
		return errOrder
	}
	for _, c := range s.components {
		if s.first > 0 && c.accuracy[0] < 0 {
			return errOrder
		}
		for k := s.first; k <= s.last; k++ {
			if max(int(c.accuracy[k]), 0) != s.high {
				return errOrder
			}
			c.accuracy[k] = int8(s.low)
		}
	}
	return nil
}

// progressive returns what decodes a block's part in a progressive scan (T.81, G.1.2).
func (h *huffman) progressive() func(*huffman, *scanComponent, *block) {
	switch {
	case h.s.first == 0 && h.s.high == 0:
		return (*huffman).firstDC
	case h.s.first == 0:
		return (*huffman).refineDC
	case h.s.high == 0:
		return (*huffman).firstAC
	}
	return (*huffman).refineAC
}

func (h *huffman) firstDC(c *scanComponent, b *block) {
	c.prediction += h.extended(h.symbol(h.dc[c.dcTable]))
	b[0] = int16(c.prediction << h.s.low)
}

func (h *huffman) refineDC(_ *scanComponent, b *block) {
	b[0] |= int16(h.bit() << h.s.low)
}

func (h *huffman) firstAC(c *scanComponent, b *block) {
	if h.eobRun > 0 {
		h.eobRun--
		return
	}
	t := h.ac[c.acTable]
	for k := h.s.first; k <= h.s.last; k++ {
		s := h.symbol(t)
		run, size := s>>4, s&15
		if size == 0 {
			if run != 15 {
				h.eobRun = 1<<run + h.receive(run) - 1
				return
			}
			k += 15
			continue
		}
		k += int(run)
		b[zigzag[k]] = int16(h.extended(size) << h.s.low)
	}
}

func (h *huffman) refineAC(c *scanComponent, b *block) {
	k, last := h.s.first, h.s.last
	if h.eobRun == 0 {
		t := h.ac[c.acTable]
		for ; k <= last; k++ {
			s := h.symbol(t)
			run, size, value := int(s>>4), s&15, 0
			if size != 0 {
				h.bad = h.bad || size != 1
				value = -1 << h.s.low
				if h.receive(1) != 0 {
					value = 1 << h.s.low
				}
			} else if run != 15 {
				h.eobRun = 1<<run + h.receive(uint8(run))
				break
			}
			k = h.refine(b, k, last, run)
			if value != 0 {
				b[zigzag[k]] = int16(value)
			}
		}
	}
	if h.eobRun > 0 {
		h.refine(b, k, last, 64)
		h.eobRun--
	}
}

// refine adds a bit to the coefficients from k that are not zero, over so many zeros. It returns the place of the next
// zero, or last+1.
func (h *huffman) refine(b *block, k, last, zeros int) int {
	for ; k <= last; k++ {
		v := &b[zigzag[k]]
		if *v == 0 {
			if zeros == 0 {
				return k
			}
			zeros--
			continue
		}
		if bit := int16(1 << h.s.low); h.bit() != 0 && *v&bit == 0 {
			if *v < 0 {
				bit = -bit
			}
			*v += bit
		}
	}
	return k
}
