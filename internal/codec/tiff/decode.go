// SPDX-License-Identifier: Apache-2.0

package tiff

import (
	"fmt"
)

// Options are what Decode needs from outside.
type Options struct {
	// Admit refuses a page before memory is taken for it.
	Admit func(h Header) error
	// JPEG decodes a JPEG file to its samples, 1, 3 or 4 of each pixel, as they are stored in the file but for YCbCr,
	// which becomes RGB. It refuses more pixels than most.
	JPEG func(data []byte, most int) (*Samples, error)
	// WebP decodes a WebP file of at most most pixels to RGB.
	WebP func(data []byte, most int) (*Samples, error)
}

// Header is what a page's size and samples take.
type Header struct {
	W, H        int
	Bits        int // of a pixel before compression
	Compression int // the tag's value; of Deflate, the newer one
	Buffer      int // bytes for each pixel that decoding takes at once, besides the result
	Deep        int // samples of a pixel that are kept in float32; 0: the result is RGB
}

// Samples are a picture of 8 bits per sample, interleaved and without padding: len(Pix) == W*H*N.
type Samples struct {
	W, H, N int
	Pix     []uint8
}

// Decode decodes the first page to RGB, not turned by its orientation.
func Decode(data []byte, o Options) (*Samples, error) {
	d, _, err := readDirectory(data)
	if err != nil {
		return nil, err
	}
	p, err := d.page(data, o, false)
	if err != nil {
		return nil, err
	}
	convert, err := p.mode()
	if err != nil {
		return nil, err
	}
	p.decompressors = make([]decompressors, p.planes)
	for range p.planes {
		p.buffers = append(p.buffers, make([]uint8, p.rowBytes()))
	}
	if p.planes > 1 {
		p.joined = make([]uint8, p.planes*p.rowBytes())
	}
	out := &Samples{p.w, p.h, 3, make([]uint8, 3*p.w*p.h)}
	err = p.eachChunk(func(index, x, y int) error { return p.decodeChunks(out, index, x, y, convert) })
	if err != nil {
		return nil, err
	}
	return out, nil
}

// eachChunk decodes the chunks of a plane one after the other, each with its upper left corner at (x, y).
func (p *page) eachChunk(decode func(index, x, y int) error) error {
	for cy := range p.down {
		for cx := range p.across {
			if err := decode(cy*p.across+cx, cx*p.chunkW, cy*p.chunkH); err != nil {
				return fmt.Errorf("%s %d of %d: %w", p.chunkName(), cy*p.across+cx+1, p.across*p.down, err)
			}
		}
	}
	return nil
}

// decodeChunks decodes the chunk, of each plane, whose upper left corner is at (x, y).
func (p *page) decodeChunks(out *Samples, index, x, y int, convert converter) error {
	w, h := min(p.chunkW, p.w-x), min(p.chunkH, p.h-y)
	planes := make([]rows, p.planes)
	parts := make([][]uint8, p.planes)
	for i := range planes {
		var err error
		if planes[i], err = p.chunk(i, index, h); err != nil {
			return err
		}
		parts[i] = p.buffers[i]
	}
	for r := range h {
		for i := range planes {
			if err := planes[i].next(parts[i]); err != nil {
				return err
			}
		}
		row := parts[0]
		if p.planes > 1 {
			interleave(p.joined, parts, p.bits/8, w)
			row = p.joined
		}
		at := 3 * ((y+r)*p.w + x)
		convert(out.Pix[at:at+3*w], row)
	}
	return nil
}

// interleave joins the samples of planes, of size bytes each.
func interleave(out []uint8, planes [][]uint8, size, n int) {
	for x := range n {
		for i, plane := range planes {
			copy(out[(x*len(planes)+i)*size:][:size], plane[x*size:])
		}
	}
}
