// SPDX-License-Identifier: Apache-2.0

package jpeg

import (
	"errors"
	"fmt"
)

// maxBlocks is the limit of T.81, B.2.3, for the blocks of an MCU.
const maxBlocks = 10

// scan is a scan header (T.81, B.2.3).
type scan struct {
	components []scanComponent
	// The coefficients in zigzag order, and the bits of them, that a progressive scan has.
	first, last int
	high, low   int
}

type scanComponent struct {
	*component
	dcTable, acTable int
	prediction       int // of the next DC coefficient
	class            int // of the last DC difference in arithmetic coding: where the statistics of the next begin
}

// entropy decodes the data of a scan.
type entropy interface {
	// restart begins an interval at data[pos].
	restart(pos int)
	// decode adds what the scan has of a block.
	decode(c *scanComponent, b *block) error
	// end returns where the next marker is to be looked for, and whether the interval's data ran out before its end.
	end() (pos int, err error)
}

func (d *decoder) visitScan(s []byte, visit func(*scan) error) error {
	f := d.frame
	if f == nil {
		return errors.New("a JPEG scan before the frame's header")
	}
	if d.scans++; d.scans > maxScans {
		return fmt.Errorf("a JPEG of more than %d scans", maxScans)
	}
	sc, err := f.readScan(s)
	if err != nil {
		return err
	}
	if d.scans == 1 {
		f.several = f.progressive || len(sc.components) < len(f.components)
	} else if !f.several {
		return errors.New("a JPEG with a second scan behind the whole image")
	}
	for _, c := range sc.components {
		if c.quant == nil {
			if c.quantID > 3 || d.quant[c.quantID] == nil {
				return fmt.Errorf("the JPEG quantization table %d is missing", c.quantID)
			}
			c.quant = d.quant[c.quantID]
		} else if !f.progressive {
			return errors.New("a JPEG with two scans of one component")
		}
	}
	if f.progressive {
		if err := sc.progress(); err != nil {
			return err
		}
	}
	return visit(sc)
}

func (f *frame) readScan(s []byte) (*scan, error) {
	if len(s) < 1 || s[0] < 1 || s[0] > 4 || len(s) != 4+2*int(s[0]) {
		return nil, errLength("SOS")
	}
	n := int(s[0])
	if n > len(f.components) {
		return nil, errors.New("a JPEG scan of more components than the frame has")
	}
	sc, blocks, next := &scan{}, 0, 0
	for i := range n {
		id, tables := int(s[1+2*i]), s[2+2*i]
		for next < len(f.components) && f.components[next].id != id {
			next++
		}
		if next == len(f.components) {
			return nil, fmt.Errorf("a JPEG scan of the component %d, which the frame lacks or has in another order", id)
		}
		c := f.components[next]
		sc.components = append(sc.components, scanComponent{component: c, dcTable: int(tables >> 4),
			acTable: int(tables & 15)})
		blocks += c.h * c.v
		next++
	}
	if n > 1 && blocks > maxBlocks {
		return nil, fmt.Errorf("a JPEG of %d blocks in an MCU: at most %d are allowed", blocks, maxBlocks)
	}
	s = s[1+2*n:]
	sc.first, sc.last, sc.high, sc.low = int(s[0]), int(s[1]), int(s[2]>>4), int(s[2]&15)
	return sc, nil
}

// decodeScan decodes the entropy-coded data of a scan.
func (d *decoder) decodeScan(s *scan) error {
	e, err := d.entropy(s)
	if err != nil {
		return err
	}
	e.restart(d.pos)
	w, h := s.mcus(d.frame)
	single := len(s.components) == 1
	var work block
	left, next := d.interval, 0
	for y := range h {
		for x := range w {
			if d.interval > 0 {
				if left == 0 {
					if err := d.restart(e, next); err != nil {
						return err
					}
					for i := range s.components {
						s.components[i].prediction, s.components[i].class = 0, 0
					}
					left, next = d.interval, (next+1)&7
				}
				left--
			}
			for i := range s.components {
				c := &s.components[i]
				across, down := c.h, c.v
				if single {
					across, down = 1, 1
				}
				for v := range down {
					for u := range across {
						at := (y*down+v)*c.stride + x*across + u
						if d.frame.several {
							if err := e.decode(c, &c.coefficients[at]); err != nil {
								return err
							}
							continue
						}
						work = block{}
						if err := e.decode(c, &work); err != nil {
							return err
						}
						c.transform(at, &work)
					}
				}
			}
		}
		// Once a row, not to decode a large image from no data.
		if _, err := e.end(); err != nil {
			return err
		}
	}
	d.pos, err = e.end()
	return err
}

// mcus returns the columns and rows of the scan's MCUs (T.81, A.2).
func (s *scan) mcus(f *frame) (w, h int) {
	if len(s.components) == 1 {
		return s.components[0].blocksX, s.components[0].blocksY
	}
	return f.mcusX, f.mcusY
}

func (d *decoder) entropy(s *scan) (entropy, error) {
	if d.frame.arithmetic {
		return d.newArithmetic(s), nil
	}
	return d.newHuffman(s)
}

// restart ends an interval at the marker RSTn.
func (d *decoder) restart(e entropy, n int) error {
	pos, err := e.end()
	if err != nil {
		return err
	}
	d.pos = pos
	m, err := d.nextMarker()
	if err != nil {
		return err
	}
	if int(m) != markerRST0+n {
		return fmt.Errorf("the JPEG data is damaged: marker %#x instead of restart %d", m, n)
	}
	e.restart(d.pos)
	return nil
}
