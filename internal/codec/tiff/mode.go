// SPDX-License-Identifier: Apache-2.0

package tiff

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// A converter converts a row of samples to RGB, as many pixels as out has.
type converter func(out, in []uint8)

// errMode is for a combination of fields that is not read.
func (p *page) errMode() error {
	return fmt.Errorf("photometric interpretation %d with %d samples of %d bits (format %d, extra samples %v), which "+
		"is not read as RGB: save it as RGB with 8 bits, or keep its channels (--channels keep)", p.photometric,
		p.samples, p.bits, p.format, p.extra)
}

// mode returns the conversion to RGB.
func (p *page) mode() (converter, error) {
	if p.photometric == cieLab {
		return nil, errors.New("CIELab colours, whose conversion needs a colour profile: save it as RGB")
	}
	if p.misread() {
		return nil, fmt.Errorf("samples in planes of their own (%d of %d bits, fill order %d, compression %s), which "+
			"readers misread: save them together", p.samples, p.bits, p.fill, compressions[p.compression])
	}
	if p.compression == JPEG && p.bits != 8 {
		return nil, fmt.Errorf("JPEG of %d bits per sample: save it with 8", p.bits)
	}
	if p.fill == 2 && (len(p.extra) > 0 || p.bits > 16 || p.photometric > palette) {
		return nil, fmt.Errorf("the fill order 2 with photometric interpretation %d: save it with 1", p.photometric)
	}
	if p.photometric == yCbCr && p.samples == 1 && p.compression == Plain {
		p.photometric = blackIsZero // luma alone
	}
	colours := map[int]int{whiteIsZero: 1, blackIsZero: 1, rgb: 3, palette: 1, cmyk: 4, yCbCr: 3}[p.photometric]
	if colours == 0 || p.samples != colours+len(p.extra) && !(p.photometric == rgb && p.samples == 4) {
		return nil, p.errMode()
	}
	switch p.photometric {
	case whiteIsZero, blackIsZero:
		return p.grey()
	case rgb:
		return p.rgb()
	case palette:
		return p.palette()
	case cmyk:
		return p.cmyk()
	}
	return p.yCbCr()
}

// misread reports whether Pillow misreads planes. Of each uncompressed plane it takes every byte for a sample, whatever
// its bits and fill order and whether white is zero, and it goes wrong at the right edge of tiles if alpha has no tag.
func (p *page) misread() bool {
	switch {
	case !p.planar:
		return false
	case p.compression != Plain:
		return p.planes > 1 && p.bits != 8 && p.bits != 16
	case p.photometric == rgb && p.samples == 4 && len(p.extra) == 0 && p.tiled:
		return true
	case p.bits == 1 && p.photometric == blackIsZero && p.fill == 1:
		return false
	}
	return p.bits != 8 || p.fill != 1 || p.photometric == whiteIsZero
}

// grey converts grey. Unsigned samples of more than 8 bits keep their high byte, which Pillow clips at 255; the other
// kinds are clipped as Pillow does.
func (p *page) grey() (converter, error) {
	white := p.photometric == whiteIsZero
	switch {
	case white && p.bits == 16 && p.format == 1:
		return nil, errors.New("grey samples of 16 bits with white as zero, which readers take for black: save it " +
			"with black as zero")
	case p.samples == 2:
		if p.bits != 8 || p.format != 1 || white || p.extra[0] != 0 && p.extra[0] != 2 {
			return nil, p.errMode()
		}
		return func(out, in []uint8) {
			for x := range len(out) / 3 {
				grey(out, x, in[2*x])
			}
		}, nil
	case p.samples > 2:
		return nil, p.errMode()
	case p.format == 3 && p.bits == 32, p.format == 2 && p.bits > 8, p.format == 1 && p.bits == 32 && p.little():
		return p.wideGrey()
	case p.format == 1 && p.bits == 16 && !white && (p.fill == 1 || p.little()):
		high := p.high()
		return func(out, in []uint8) {
			for x := range len(out) / 3 {
				grey(out, x, in[2*x+high])
			}
		}, nil
	case p.format == 1 && p.bits == 12 && !white && p.little() && p.fill == 1:
		return func(out, in []uint8) {
			for x := range len(out) / 3 {
				at := x / 2 * 3
				if x%2 == 0 {
					grey(out, x, in[at])
				} else {
					grey(out, x, in[at+1]<<4|in[at+2]>>4)
				}
			}
		}, nil
	case p.format == 1 && slices.Contains([]int{1, 2, 4, 8}, p.bits),
		p.format == 2 && p.bits == 8 && !white && p.fill == 1:
		top := 1<<p.bits - 1
		levels := make([]uint8, top+1)
		for v := range levels {
			levels[v] = uint8(v * (255 / top))
			if white {
				levels[v] = 255 - levels[v]
			}
		}
		return p.indexed(func(out []uint8, x int, v uint8) { grey(out, x, levels[v]) }), nil
	}
	return nil, p.errMode()
}

func grey(out []uint8, x int, v uint8) { out[3*x], out[3*x+1], out[3*x+2] = v, v, v }

// indexed unpacks samples of 1, 2, 4 or 8 bits.
func (p *page) indexed(set func(out []uint8, x int, v uint8)) converter {
	per, step, top := 8/p.bits, p.samples, uint8(1<<p.bits-1)
	return func(out, in []uint8) {
		for x := range len(out) / 3 {
			set(out, x, in[x*step/per]>>(8-p.bits*(x%per+1))&top)
		}
	}
}

// wideGrey converts signed, floating-point and 32-bit grey, which Pillow clips to 0 to 255.
func (p *page) wideGrey() (converter, error) {
	if !p.little() && p.compression != Plain {
		return nil, fmt.Errorf("compressed grey samples of %d bits (format %d) in big-endian order, which readers "+
			"take for little-endian: save it with 8 bits", p.bits, p.format)
	}
	if p.photometric == whiteIsZero && p.format != 3 || p.fill != 1 {
		return nil, p.errMode()
	}
	var level func(in []uint8) uint8
	switch {
	case p.format == 3:
		level = func(in []uint8) uint8 { return ClipFloat(math.Float32frombits(p.order.Uint32(in))) }
	case p.bits == 32:
		level = func(in []uint8) uint8 { return clip(int(int32(p.order.Uint32(in)))) }
	case p.bits == 16:
		level = func(in []uint8) uint8 { return clip(int(int16(p.order.Uint16(in)))) }
	default:
		return nil, p.errMode()
	}
	size := p.bits / 8
	return func(out, in []uint8) {
		for x := range len(out) / 3 {
			grey(out, x, level(in[size*x:]))
		}
	}, nil
}

func clip(v int) uint8 { return uint8(min(max(v, 0), 255)) }

// ClipFloat converts a floating-point sample to 8 bits as Pillow does: it truncates the fraction. NaN becomes black.
func ClipFloat(v float32) uint8 {
	if v >= 255 {
		return 255
	}
	if v > 0 {
		return uint8(v)
	}
	return 0
}

// high is the place of the byte of a sample that is kept.
func (p *page) high() int {
	if p.bits == 16 && p.little() {
		return 1
	}
	return 0
}

// odd reports whether samples are not 8 or 16 bits, unsigned.
func (p *page) odd() bool { return p.format != 1 || p.bits != 8 && p.bits != 16 }

func (p *page) rgb() (converter, error) {
	alpha := 2 // not multiplied
	if len(p.extra) > 0 {
		alpha = p.extra[0]
	}
	if p.odd() || p.bits == 16 && (p.samples > 4 || p.fill == 2) || alpha > 2 && (alpha != 999 || p.samples > 4) {
		return nil, p.errMode()
	}
	for _, more := range p.extra[min(len(p.extra), 1):] {
		if more != 0 {
			return nil, p.errMode()
		}
	}
	if p.samples == 4 && len(p.extra) == 0 && p.planes > 1 && p.compression != Plain {
		alpha = 1 // Without the tag, Pillow takes the plane for alpha that the colours are multiplied by.
	}
	if p.samples > 3 && alpha == 1 {
		return p.premultiplied()
	}
	size, high := p.bits/8, p.high()
	step := p.samples * size
	return func(out, in []uint8) {
		for x := range len(out) / 3 {
			at := step*x + high
			out[3*x], out[3*x+1], out[3*x+2] = in[at], in[at+size], in[at+2*size]
		}
	}, nil
}

// premultiplied converts colours that are multiplied by alpha.
func (p *page) premultiplied() (converter, error) {
	if p.compression == webP {
		return nil, errors.New("WebP with colours multiplied by alpha: save it as PNG")
	}
	size, high := p.bits/8, p.high()
	step := p.samples * size
	return func(out, in []uint8) {
		for x := range len(out) / 3 {
			at := step*x + high
			alpha := int(in[at+3*size])
			for c := range 3 {
				switch v := in[at+c*size]; alpha {
				case 0:
					out[3*x+c] = 0
				case 255:
					out[3*x+c] = v
				default:
					out[3*x+c] = clip(int(v) * 255 / alpha)
				}
			}
		}
	}, nil
}

func (p *page) palette() (converter, error) {
	if p.format != 1 || !slices.Contains([]int{1, 2, 4, 8}, p.bits) || p.samples > 2 ||
		p.samples == 2 && (p.bits != 8 || p.extra[0] != 0 && p.extra[0] != 2) {
		return nil, p.errMode()
	}
	n := len(p.colors) / 3
	if n < 1<<p.bits || n > 256 {
		return nil, fmt.Errorf("a colour map of %d colours for %d bits", n, p.bits)
	}
	if most := slices.Max(p.colors); most > 0 && most < 256 {
		return nil, errors.New("a colour map of 8 bits, which readers take for black: save it as RGB")
	}
	return p.indexed(func(out []uint8, x int, v uint8) {
		for c := range 3 {
			out[3*x+c] = uint8(p.colors[c*n+int(v)] >> 8)
		}
	}), nil
}

// cmyk converts inks to RGB: what black leaves, less the share of the ink.
func (p *page) cmyk() (converter, error) {
	if p.odd() || p.bits == 16 && p.samples > 4 || len(p.extra) > 0 && slices.Max(p.extra) > 0 {
		return nil, p.errMode()
	}
	size, high := p.bits/8, p.high()
	step := p.samples * size
	return func(out, in []uint8) {
		for x := range len(out) / 3 {
			at := step*x + high
			white := 255 - int(in[at+3*size])
			for c := range 3 {
				ink := int(in[at+c*size])*white + 128
				out[3*x+c] = clip(white - (ink>>8+ink)>>8)
			}
		}
	}, nil
}

// reversed returns data with the bits of each byte in the other order.
func reversed(data []byte) []byte {
	out := make([]byte, len(data))
	for i, b := range data {
		out[i] = bits.Reverse8(b)
	}
	return out
}
