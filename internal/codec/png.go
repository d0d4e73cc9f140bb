// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec/tiff"
)

// PNG is read here rather than by image/png, which refuses files with spare bytes after the pixels or without IEND, and
// which keeps a second copy of the image in its own form. Numbers in brackets are sections of the PNG specification,
// third edition.

const pngSignature = "\x89PNG\r\n\x1a\n"

func isPNG(head []byte) bool { return bytes.HasPrefix(head, []byte(pngSignature)) }

// The colour types [11.2.1].
const (
	pngGrey      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGreyAlpha = 4
	pngRGBA      = 6
)

// pngHeader is the content of IHDR [11.2.1].
type pngHeader struct {
	w, h          int
	depth, colour int
	interlaced    bool
	channels      int
	bitsPerPixel  int
	bytesPerPixel int // at least 1: the distance to a filter's left neighbour
	// colours are those of a sample of up to 8 bits, grey or an index. Beyond the end of a palette they are black.
	colours [256][3]uint8
}

func decodePNG(data []byte, o Options) (*augment.Image, error) {
	c := &pngChunks{rest: data[len(pngSignature):]}
	h, err := c.header()
	if err != nil {
		return nil, err
	}
	if err := o.admit(header{w: h.w, h: h.h, bits: h.bitsPerPixel, by: deflate}, len(data)); err != nil {
		return nil, err
	}
	if err := c.toPixels(h); err != nil {
		return nil, err
	}
	img := augment.NewImage(h.w, h.h)
	if err := c.pixels(h, func(row []byte, at, n, step int) {
		h.store(row, img.Pix[3*at:], n, 3*step)
	}); err != nil {
		return nil, err
	}
	return img, nil
}

// deepPNG keeps the samples of a PNG file, alpha too. A palette has colours of 8 bits.
func deepPNG(data []byte, o Options) (*augment.Image, error) {
	c := &pngChunks{rest: data[len(pngSignature):]}
	h, err := c.header()
	if err != nil {
		return nil, err
	}
	if h.colour == pngPalette {
		return decodePNG(data, o)
	}
	size := header{w: h.w, h: h.h, bits: h.bitsPerPixel, by: deflate, deep: h.channels}
	if err := o.admit(size, len(data)); err != nil {
		return nil, err
	}
	if err := c.toPixels(h); err != nil {
		return nil, err
	}
	img := augment.NewDeep(h.w, h.h, h.channels)
	img.Samples = fmt.Sprintf("uint%d", h.depth)
	read := tiff.Unsigned(h.depth, binary.BigEndian)
	line := make([]float32, h.w*h.channels)
	if err := c.pixels(h, func(row []byte, at, n, step int) {
		read(line[:n*h.channels], row)
		for i := range n {
			copy(img.Deep[h.channels*(at+i*step):], line[i*h.channels:(i+1)*h.channels])
		}
	}); err != nil {
		return nil, err
	}
	return img, nil
}

// pixels reads the rows of all passes, and gives n pixels at a time to store: those of every step-th place from at on.
func (c *pngChunks) pixels(h *pngHeader, store func(row []byte, at, n, step int)) error {
	pixels, err := zlib.NewReader(c)
	if err != nil {
		return c.explain(err)
	}
	for _, p := range h.passes() {
		if err := h.read(pixels, p, store); err != nil {
			return c.explain(err)
		}
	}
	// The checksum follows the last row. Spare bytes between the two are no damage.
	if _, err := io.CopyN(io.Discard, pixels, 1<<16); err != nil && err != io.EOF {
		return c.explain(err)
	}
	return nil
}

// pngChunks walks through the chunks of a file [5.3]. After header it reads as the joined contents of the IDAT chunks.
type pngChunks struct {
	rest []byte
	idat []byte // what is left of the present IDAT
	err  error  // why there is no further IDAT
}

// next returns the next chunk. A wrong checksum is an error only in a critical chunk: the others are not needed.
func (c *pngChunks) next() (kind string, body []byte, err error) {
	for {
		if len(c.rest) < 12 {
			return "", nil, io.ErrUnexpectedEOF
		}
		n := uint64(binary.BigEndian.Uint32(c.rest))
		kind = string(c.rest[4:8])
		if n > uint64(len(c.rest)-12) {
			return kind, nil, io.ErrUnexpectedEOF
		}
		body = c.rest[8 : 8+n]
		sum := binary.BigEndian.Uint32(c.rest[8+n:])
		sound := crc32.ChecksumIEEE(c.rest[4:8+n]) == sum
		c.rest = c.rest[12+n:]
		ancillary := kind[0]&0x20 != 0
		switch {
		case sound:
			return kind, body, nil
		case !ancillary:
			return kind, nil, fmt.Errorf("the checksum of its chunk %q is wrong", kind)
		}
	}
}

// header reads IHDR.
func (c *pngChunks) header() (*pngHeader, error) {
	kind, body, err := c.next()
	if err != nil {
		return nil, err
	}
	if kind != "IHDR" || len(body) != 13 {
		return nil, errors.New("its first chunk is not a header")
	}
	h := &pngHeader{depth: int(body[8]), colour: int(body[9]), interlaced: body[12] == 1}
	w, height := binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:])
	if w > 1<<31-1 || height > 1<<31-1 {
		return nil, fmt.Errorf("its header says %dx%d pixels", w, height)
	}
	h.w, h.h = int(w), int(height)
	depths := map[int][]byte{pngGrey: {1, 2, 4, 8, 16}, pngRGB: {8, 16}, pngPalette: {1, 2, 4, 8},
		pngGreyAlpha: {8, 16}, pngRGBA: {8, 16}}
	if !bytes.Contains(depths[h.colour], body[8:9]) {
		return nil, fmt.Errorf("there is no PNG of colour type %d with %d bits", h.colour, h.depth)
	}
	if body[10] != 0 || body[11] != 0 || body[12] > 1 {
		return nil, fmt.Errorf("unknown compression %d, filter method %d or interlacing %d", body[10], body[11],
			body[12])
	}
	h.channels = map[int]int{pngGrey: 1, pngRGB: 3, pngPalette: 1, pngGreyAlpha: 2, pngRGBA: 4}[h.colour]
	h.bitsPerPixel = h.channels * h.depth
	h.bytesPerPixel = max(1, h.bitsPerPixel/8)
	return h, nil
}

// toPixels reads up to the first IDAT. It sets h's colours.
func (c *pngChunks) toPixels(h *pngHeader) error {
	if h.colour == pngGrey && h.depth <= 8 {
		for i := range 1 << h.depth {
			v := uint8(i * 255 / (1<<h.depth - 1))
			h.colours[i] = [3]uint8{v, v, v}
		}
	}
	hasPalette := false
	for {
		kind, body, err := c.next()
		switch {
		case err != nil:
			return c.explain(err)
		case kind == "PLTE" && h.colour == pngPalette:
			for i := range min(len(body)/3, len(h.colours)) {
				h.colours[i] = [3]uint8(body[3*i:])
			}
			hasPalette = len(body) >= 3
		case kind == "IDAT" && h.colour == pngPalette && !hasPalette:
			return errors.New("it has no palette")
		case kind == "IDAT":
			c.idat = body
			return nil
		case kind == "IEND":
			return errors.New("it has no pixels")
		}
	}
}

func (c *pngChunks) Read(p []byte) (int, error) {
	for len(c.idat) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		kind, body, err := c.next()
		switch {
		case err != nil:
			c.err = err
		case kind != "IDAT":
			c.err = io.ErrUnexpectedEOF
		default:
			c.idat = body
		}
	}
	n := copy(p, c.idat)
	c.idat = c.idat[n:]
	return n, nil
}

// explain returns an error about the pixels in words.
func (c *pngChunks) explain(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("the file is cut short")
	}
	return fmt.Errorf("its pixels are damaged: %w", err)
}

// pngPass is a part of an interlaced image: every dx-th pixel from x0 on, of every dy-th row from y0 on [8.1].
type pngPass struct{ x0, y0, dx, dy int }

func (h *pngHeader) passes() []pngPass {
	if !h.interlaced {
		return []pngPass{{0, 0, 1, 1}}
	}
	return []pngPass{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}
}

// read reads the rows of a pass.
func (h *pngHeader) read(r io.Reader, p pngPass, store func(row []byte, at, n, step int)) error {
	n := (h.w - p.x0 + p.dx - 1) / p.dx // pixels of a row
	if n <= 0 || p.y0 >= h.h {
		return nil
	}
	size := 1 + (n*h.bitsPerPixel+7)/8
	row, above := make([]byte, size), make([]byte, size)
	for y := p.y0; y < h.h; y += p.dy {
		if _, err := io.ReadFull(r, row); err != nil {
			return err
		}
		if err := unfilter(row[0], row[1:], above[1:], h.bytesPerPixel); err != nil {
			return err
		}
		store(row[1:], y*h.w+p.x0, n, p.dx)
		row, above = above, row
	}
	return nil
}

// unfilter undoes the filter of a row [9.2]; left is the distance in bytes to the corresponding byte of the pixel
// before.
func unfilter(kind byte, row, above []byte, left int) error {
	switch kind {
	case 0:
	case 1: // Sub
		for i := left; i < len(row); i++ {
			row[i] += row[i-left]
		}
	case 2: // Up
		for i, v := range above {
			row[i] += v
		}
	case 3: // Average
		for i := range min(left, len(row)) {
			row[i] += above[i] / 2
		}
		for i := left; i < len(row); i++ {
			row[i] += uint8((int(row[i-left]) + int(above[i])) / 2)
		}
	case 4: // Paeth
		for i := range min(left, len(row)) {
			row[i] += above[i]
		}
		for i := left; i < len(row); i++ {
			row[i] += paeth(row[i-left], above[i], above[i-left])
		}
	default:
		return fmt.Errorf("unknown filter %d", kind)
	}
	return nil
}

// paeth returns the one of left a, above b and above left c that is nearest to a + b - c [9.4].
func paeth(a, b, c uint8) uint8 {
	pa, pb := int(b)-int(c), int(a)-int(c)
	pc := abs(pa + pb)
	pa, pb = abs(pa), abs(pb)
	switch {
	case pa <= pb && pa <= pc:
		return a
	case pb <= pc:
		return b
	}
	return c
}

func abs(v int) int { return max(v, -v) }

// store writes n pixels of a row as RGB, step bytes apart. 16-bit samples keep their high byte; alpha is dropped.
func (h *pngHeader) store(row, out []byte, n, step int) {
	wide := h.depth / 8 // bytes of a sample, 0 below 8 bits
	switch {
	case h.colour == pngRGB && wide == 1 && step == 3:
		copy(out, row)
	case h.colour == pngRGB || h.colour == pngRGBA:
		for i := range n {
			at, to := i*h.channels*wide, out[i*step:i*step+3]
			to[0], to[1], to[2] = row[at], row[at+wide], row[at+2*wide]
		}
	case wide >= 1 && h.colour != pngPalette:
		for i := range n {
			v, to := row[i*h.channels*wide], out[i*step:i*step+3]
			to[0], to[1], to[2] = v, v, v
		}
	default: // one sample of up to 8 bits
		mask := uint8(1<<h.depth - 1)
		for i := range n {
			bit := i * h.depth
			v := row[bit/8] >> (8 - h.depth - bit%8) & mask
			copy(out[i*step:i*step+3], h.colours[v][:])
		}
	}
}
