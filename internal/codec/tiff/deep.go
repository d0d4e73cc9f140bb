// SPDX-License-Identifier: Apache-2.0

package tiff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Deep are a picture's samples in float32, interleaved: len(Values) == W*H*N. Unsigned whole numbers are scaled so that
// their type goes from 0 to 1. Others are as they are stored, rounded to float32.
type Deep struct {
	W, H, N int
	Kind    string // of the samples in the file: "uint12", "int16", "float32" ...
	Values  []float32
}

// ErrColours is wrapped by the error of a page whose samples mean nothing before they are converted to RGB: a palette,
// luma and chroma, CIELab.
var ErrColours = errors.New("colours that have to be converted")

// DecodeDeep decodes the samples of the first page, or of all pages as further channels, not turned by its orientation.
// Pages of a reduced resolution are left out. White is not made zero, colours are not divided by alpha, and all extra
// samples are kept: the samples are those of the file.
func DecodeDeep(data []byte, pages bool, o Options) (*Deep, error) {
	list, err := readPages(data, pages, o)
	if err != nil {
		return nil, err
	}
	first := list[0]
	out := &Deep{W: first.w, H: first.h, Kind: first.kind()}
	for _, p := range list {
		out.N += p.samples
	}
	out.Values = make([]float32, out.W*out.H*out.N)
	at := 0
	for i, p := range list {
		if err := p.decodeDeep(out, at); err != nil {
			if len(list) > 1 {
				err = fmt.Errorf("page %d of %d: %w", i+1, len(list), err)
			}
			return nil, err
		}
		at += p.samples
	}
	if bad := out.notFinite(); bad > 0 {
		return nil, fmt.Errorf("%d of its %d samples are no finite numbers: replace them", bad, len(out.Values))
	}
	return out, nil
}

// readPages reads the directories of the first page or of all, and has them admitted together.
func readPages(data []byte, all bool, o Options) (list []*page, err error) {
	order, big, at, err := readHeader(data)
	if err != nil {
		return nil, err
	}
	var total Header
	admit := o.Admit
	o.Admit = func(h Header) error {
		h.Bits, h.Deep, h.Buffer = h.Bits+total.Bits, h.Deep+total.Deep, max(h.Buffer, total.Buffer)
		total = h
		return nil
	}
	for n := 1; ; n++ {
		d, next, err := directoryAt(data, order, big, at)
		if err != nil {
			return nil, err
		}
		if subfile, _ := d.number(tagSubfile, 0); subfile&1 == 0 || len(list) == 0 {
			p, err := d.page(data, o, true)
			if err == nil {
				err = p.keepable()
			}
			if err == nil && len(list) > 0 && !p.like(list[0]) {
				err = fmt.Errorf("it has %s, and the first page %s: leave one out, or save them apart", p.about(),
					list[0].about())
			}
			if err == nil && total.Deep > maxDeep {
				err = fmt.Errorf("%d channels so far, and at most %d are read", total.Deep, maxDeep)
			}
			if err != nil && n > 1 {
				err = fmt.Errorf("page %d: %w", n, err)
			}
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
		if next == 0 || !all {
			break
		}
		if n >= maxDeep {
			return nil, fmt.Errorf("more than %d pages", maxDeep)
		}
		at = next
	}
	return list, admit(total)
}

func (p *page) like(q *page) bool {
	return p.w == q.w && p.h == q.h && p.samples == q.samples && p.kind() == q.kind()
}

func (p *page) about() string {
	return fmt.Sprintf("%dx%d pixels of %d samples (%s)", p.w, p.h, p.samples, p.kind())
}

// kind names the type of the samples.
func (p *page) kind() string {
	name := "uint"
	switch p.format {
	case 2:
		name = "int"
	case 3:
		name = "float"
	}
	return fmt.Sprintf("%s%d", name, p.bits)
}

// keepable returns an error for samples that cannot be kept.
func (p *page) keepable() error {
	switch {
	case p.photometric == yCbCr && (p.compression == JPEG || p.samples == 1): // RGB by now, or luma alone
	case p.photometric != whiteIsZero && p.photometric != blackIsZero && p.photometric != rgb && p.photometric != cmyk:
		return fmt.Errorf("%w (photometric interpretation %d)", ErrColours, p.photometric)
	}
	switch {
	case p.compression == JPEG && p.bits != 8:
		return fmt.Errorf("JPEG of %d bits per sample: save it with 8", p.bits)
	case p.planar && p.planes > 1 && p.bits%8 != 0:
		return fmt.Errorf("planes of samples of %d bits: save them together, or with 16 bits", p.bits)
	case (p.format == 1 || p.format == 4) && (p.bits <= 16 || p.bits == 32),
		p.format == 2 && (p.bits == 8 || p.bits == 16 || p.bits == 32),
		p.format == 3 && (p.bits == 16 || p.bits == 32 || p.bits == 64):
		return nil
	}
	return fmt.Errorf("samples of %d bits in format %d: save it as float32 or uint16", p.bits, p.format)
}

// decodeDeep decodes the page's samples to the channels of out from number at on.
func (p *page) decodeDeep(out *Deep, at int) error {
	p.decompressors = make([]decompressors, 1)
	buffer := make([]uint8, p.rowBytes())
	each := p.samples / p.planes
	line := make([]float32, p.chunkW*each)
	read := p.reader()
	for plane := range p.planes {
		if err := p.eachChunk(func(index, x, y int) error {
			w, h := min(p.chunkW, p.w-x), min(p.chunkH, p.h-y)
			from, err := p.chunk(plane, index, h)
			if err != nil {
				return err
			}
			for r := range h {
				if err := from.next(buffer); err != nil {
					return err
				}
				read(line[:w*each], buffer)
				to := out.Values[((y+r)*out.W+x)*out.N+at+plane:]
				if each == out.N {
					copy(to, line[:w*each])
					continue
				}
				for i := range w {
					copy(to[i*out.N:][:each], line[i*each:])
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// reader returns what reads samples from a row.
func (p *page) reader() func(out []float32, in []uint8) {
	order := p.order
	switch {
	case p.format == 3 && p.bits == 16:
		return func(out []float32, in []uint8) {
			for i := range out {
				out[i] = half(order.Uint16(in[2*i:]))
			}
		}
	case p.format == 3 && p.bits == 32:
		return func(out []float32, in []uint8) {
			for i := range out {
				out[i] = math.Float32frombits(order.Uint32(in[4*i:]))
			}
		}
	case p.format == 3:
		return func(out []float32, in []uint8) {
			for i := range out {
				out[i] = float32(math.Float64frombits(order.Uint64(in[8*i:])))
			}
		}
	case p.format == 2 && p.bits == 8:
		return func(out []float32, in []uint8) {
			for i := range out {
				out[i] = float32(int8(in[i]))
			}
		}
	case p.format == 2 && p.bits == 16:
		return func(out []float32, in []uint8) {
			for i := range out {
				out[i] = float32(int16(order.Uint16(in[2*i:])))
			}
		}
	case p.format == 2:
		return func(out []float32, in []uint8) {
			for i := range out {
				out[i] = float32(int32(order.Uint32(in[4*i:])))
			}
		}
	}
	return Unsigned(p.bits, order)
}

// Unsigned returns what reads unsigned samples of 1 to 32 bits from a row, scaled to 0 to 1. Samples of whole bytes
// have the given order; others are packed, the highest bit first.
func Unsigned(bits int, order binary.ByteOrder) func(out []float32, in []uint8) {
	top := float64(uint64(1)<<bits - 1)
	switch bits {
	case 8:
		return func(out []float32, in []uint8) {
			for i := range out {
				out[i] = float32(in[i]) / 255
			}
		}
	case 16:
		return func(out []float32, in []uint8) {
			for i := range out {
				out[i] = float32(order.Uint16(in[2*i:])) / 65535
			}
		}
	case 32:
		return func(out []float32, in []uint8) {
			for i := range out {
				out[i] = float32(float64(order.Uint32(in[4*i:])) / top)
			}
		}
	}
	return func(out []float32, in []uint8) {
		var held uint64 // the bits that were read and not used
		have := 0
		for i := range out {
			for ; have < bits; have += 8 {
				held, in = held<<8|uint64(in[0]), in[1:]
			}
			have -= bits
			out[i] = float32(float64(held>>have&(1<<bits-1)) / top)
		}
	}
}

// half converts an IEEE 754 half-precision number.
func half(v uint16) float32 {
	sign, exponent, fraction := uint32(v>>15)<<31, uint32(v>>10&31), uint32(v&1023)
	switch exponent {
	case 0: // zero or subnormal
		f := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 31:
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// notFinite counts the samples that are no numbers, or infinite.
func (d *Deep) notFinite() (n int) {
	for _, v := range d.Values {
		if v-v != 0 {
			n++
		}
	}
	return n
}

// Describe returns what the first page's samples are, and the number of pages, which it counts up to 256.
func Describe(data []byte) (samples int, kind string, pages int, err error) {
	order, big, at, err := readHeader(data)
	if err != nil {
		return 0, "", 0, err
	}
	d, at, err := directoryAt(data, order, big, at)
	if err != nil {
		return 0, "", 0, err
	}
	p, err := d.page(data, Options{Admit: func(Header) error { return nil }}, true)
	if err == nil {
		err = p.keepable()
	}
	if err != nil {
		return 0, "", 0, err
	}
	for pages = 1; at != 0 && pages < maxDeep; pages++ {
		if _, at, err = directoryAt(data, order, big, at); err != nil {
			break
		}
	}
	return p.samples, p.kind(), pages, nil
}
