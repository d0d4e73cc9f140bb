// SPDX-License-Identifier: Apache-2.0

package jpeg

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxSide is libjpeg's limit.
const maxSide = 65500

// frame is the frame header (T.81, B.2.2) and what follows from it.
type frame struct {
	w, h        int
	progressive bool
	arithmetic  bool
	components  []*component
	maxH, maxV  int // the largest sampling factors
	mcusX       int // columns and rows of MCUs in a scan of all components
	mcusY       int
	several     bool // several scans: the coefficients are kept until the last
}

// component is one plane of the image.
type component struct {
	id, h, v int
	quantID  int
	quant    *quantTable // as the component's first scan found it; nil: no scan so far

	w, height        int // samples that the image uses
	blocksX, blocksY int // blocks that hold them, as a scan of this component alone has them
	stride           int // blocks in a row, including those that fill the last MCU
	coefficients     []block
	samples          []uint8 // stride*8 a row

	// accuracy is, for a coefficient in zigzag order of a progressive image, the low bits that are still to come; -1:
	// all.
	accuracy [64]int8
}

// processes are the names of the frame markers that are not decoded (T.81, table B.1).
var processes = map[byte]string{
	3: "lossless", 5: "hierarchical", 6: "hierarchical progressive", 7: "hierarchical lossless", 8: "JPG extension",
	11: "lossless arithmetic", 13: "hierarchical arithmetic", 14: "hierarchical progressive arithmetic",
	15: "hierarchical lossless arithmetic",
}

func (d *decoder) readFrame(m byte, s []byte) error {
	if name := processes[m-markerSOF0]; name != "" {
		return fmt.Errorf("a %s JPEG, which is not read: convert it to PNG", name)
	}
	if d.frame != nil {
		return errors.New("a JPEG with two frames")
	}
	if len(s) < 6 || len(s) != 6+3*int(s[5]) {
		return errLength("SOF")
	}
	if s[0] != 8 {
		return fmt.Errorf("a JPEG of %d bits a sample, which is not read: convert it to PNG", s[0])
	}
	f := &frame{h: int(binary.BigEndian.Uint16(s[1:])), w: int(binary.BigEndian.Uint16(s[3:])),
		progressive: m == markerSOF0+2 || m == markerSOF0+10, arithmetic: m >= markerSOF0+9}
	if f.w <= 0 || f.h <= 0 || f.w > maxSide || f.h > maxSide {
		return fmt.Errorf("the JPEG header says %dx%d pixels", f.w, f.h)
	}
	if n := int(s[5]); n != 1 && n != 3 && n != 4 {
		return fmt.Errorf("a JPEG of %d components, which is not read: 1, 3 and 4 are", n)
	}
	for s = s[6:]; len(s) > 0; s = s[3:] {
		c := &component{id: int(s[0]), h: int(s[1] >> 4), v: int(s[1] & 15), quantID: int(s[2])}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return fmt.Errorf("the JPEG header has the sampling factors %dx%d", c.h, c.v)
		}
		for k := range c.accuracy {
			c.accuracy[k] = -1
		}
		f.components = append(f.components, c)
	}
	d.frame = f
	return f.layOut()
}

// layOut computes the sizes of T.81, A.1 and A.2.
func (f *frame) layOut() error {
	for _, c := range f.components {
		f.maxH, f.maxV = max(f.maxH, c.h), max(f.maxV, c.v)
	}
	f.mcusX, f.mcusY = ceil(f.w, 8*f.maxH), ceil(f.h, 8*f.maxV)
	for _, c := range f.components {
		if f.maxH%c.h != 0 || f.maxV%c.v != 0 {
			return fmt.Errorf("a JPEG whose planes are sampled %d:%d and %d:%d, which is not read: convert it to PNG",
				f.maxH, c.h, f.maxV, c.v)
		}
		c.w, c.height = ceil(f.w*c.h, f.maxH), ceil(f.h*c.v, f.maxV)
		c.blocksX, c.blocksY = ceil(f.w*c.h, 8*f.maxH), ceil(f.h*c.v, 8*f.maxV)
		c.stride = f.mcusX * c.h
	}
	return nil
}

// complete reports what an image lacks at its end.
func (d *decoder) complete() error {
	if d.frame == nil || d.scans == 0 {
		return errors.New("a JPEG file without an image")
	}
	for i, c := range d.frame.components {
		if c.quant == nil || d.frame.progressive && c.accuracy[0] < 0 {
			return fmt.Errorf("the JPEG data has nothing of component %d", i+1)
		}
		if !d.frame.progressive {
			continue
		}
		// From less, libjpeg guesses: its versions differ in how.
		for _, missing := range c.accuracy[1:10] {
			if missing != 0 {
				return errors.New("a progressive JPEG whose last scans are missing")
			}
		}
	}
	return nil
}

func ceil(a, b int) int { return (a + b - 1) / b }
