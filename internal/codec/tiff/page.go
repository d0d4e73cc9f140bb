// SPDX-License-Identifier: Apache-2.0

package tiff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The values of Compression.
const (
	Plain      = 1
	faxRLE     = 2
	fax3       = 3
	fax4       = 4
	LZW        = 5
	oldJPEG    = 6
	JPEG       = 7
	Deflate    = 8
	PackBits   = 32773
	oldDeflate = 32946
	lzma       = 34925
	zstandard  = 50000
	webP       = 50001
)

// compressions are the names of the compressions, of those that are not read, too.
var compressions = map[int]string{
	Plain: "none", faxRLE: "CCITT RLE", fax3: "CCITT group 3", fax4: "CCITT group 4", LZW: "LZW", oldJPEG: "old JPEG",
	JPEG: "JPEG", Deflate: "Deflate", PackBits: "PackBits", oldDeflate: "Deflate", lzma: "LZMA",
	zstandard: "Zstandard", webP: "WebP", 32771: "word-aligned", 32809: "ThunderScan", 34676: "SGI LogLuv",
	34677: "SGI LogLuv 24", 34712: "JPEG 2000", 50002: "JPEG XL", 52546: "JPEG XL", 34892: "lossy JPEG",
}

// The values of PhotometricInterpretation that are told apart.
const (
	whiteIsZero = 0
	blackIsZero = 1
	rgb         = 2
	palette     = 3
	cmyk        = 5
	yCbCr       = 6
	cieLab      = 8
)

// maxSamples bounds the samples of a pixel that is made RGB, and maxDeep those of one that is kept.
const (
	maxSamples = 6
	maxDeep    = 256
)

// page is what a directory says of its page, with the defaults filled in.
type page struct {
	data    []byte
	options Options
	order   binary.ByteOrder

	w, h        int
	compression int
	photometric int
	bits        int   // of a sample
	samples     int   // of a pixel, those that are read
	planar      bool  // each sample has chunks of its own
	planes      int   // as many as the samples if planar; else 1
	extra       []int // the meanings of the samples beyond the colours
	format      int   // of a sample: 1 unsigned, 2 signed, 3 floating point
	fill        int   // 2: the lowest bit of a byte comes first
	predictor   int
	colors      []int  // the colour map: all reds, all greens, all blues
	subX, subY  int    // pixels to a chroma sample
	fax         int    // the options of group 3
	tables      []byte // the JPEG tables that the chunks share

	coefficients []float32 // of luma
	reference    []float32 // black and white of luma and chroma

	tiled          bool
	chunkW, chunkH int // of a strip or tile
	across, down   int // chunks of a plane
	offsets        []int
	counts         []int // bytes of each chunk; none: unknown

	deep          bool            // samples are kept, not made RGB: one plane after the other
	decompressors []decompressors // of each plane; one if deep
	buffers       [][]uint8       // a row of each plane
	joined        []uint8         // a row of all planes
}

// reader reads fields and keeps the first error.
type reader struct {
	*directory
	err error
}

func (r *reader) number(tag uint16, otherwise int) int {
	v, err := r.directory.number(tag, otherwise)
	r.err = errors.Join(r.err, err)
	return v
}

func (r *reader) numbers(tag uint16, otherwise ...int) []int {
	v, err := r.directory.numbers(tag)
	r.err = errors.Join(r.err, err)
	if len(v) == 0 {
		return otherwise
	}
	return v
}

func (d *directory) page(data []byte, o Options, deep bool) (*page, error) {
	if d.has(tagWindowsMediaPhoto) {
		return nil, errors.New("a JPEG XR file, which is not read: save it as PNG")
	}
	r := &reader{directory: d}
	p := &page{data: data, options: o, deep: deep, order: d.order, w: r.number(tagWidth, 0), h: r.number(tagLength, 0),
		compression: r.number(tagCompression, Plain), photometric: r.number(tagPhotometric, whiteIsZero),
		fill: r.number(tagFillOrder, 1), predictor: r.number(tagPredictor, 1), fax: r.number(tagT4Options, 0),
		tables: d.fields[tagJPEGTables].raw, colors: r.numbers(tagColorMap),
		coefficients: d.reals(tagYCbCrCoefficients, 0.299, 0.587, 0.114),
		reference:    d.reals(tagReferenceBlackWhite, 0, 255, 128, 255, 128, 255)}
	sub := r.numbers(tagYCbCrSubSampling, 2, 2)
	if len(sub) != 2 {
		sub = []int{2, 2}
	}
	p.subX, p.subY = sub[0], sub[1]
	if r.err != nil {
		return nil, r.err
	}
	if p.w <= 0 || p.h <= 0 || p.w > 1<<31 || p.h > 1<<31 {
		return nil, fmt.Errorf("its header says %dx%d pixels", p.w, p.h)
	}
	if p.fill != 1 && p.fill != 2 {
		return nil, fmt.Errorf("the fill order %d, neither 1 nor 2", p.fill)
	}
	switch p.compression {
	case Plain, faxRLE, fax3, fax4, LZW, JPEG, Deflate, PackBits, oldDeflate, lzma, zstandard, webP:
	default:
		return nil, fmt.Errorf("the compression %d (%s), which is not read: save it as PNG", p.compression,
			compressions[p.compression])
	}
	if err := p.readSamples(r); err != nil {
		return nil, err
	}
	if err := p.readChunks(r); err != nil {
		return nil, err
	}
	if err := o.Admit(p.header()); err != nil {
		return nil, err
	}
	return p, nil
}

// readSamples reads what a pixel consists of.
func (p *page) readSamples(r *reader) error {
	formats := r.numbers(tagSampleFormat, 1)
	bits := r.numbers(tagBitsPerSample, 1)
	p.extra = r.numbers(tagExtraSamples)
	p.samples = r.number(tagSamplesPerPixel, 1)
	planar := r.number(tagPlanar, 1)
	if r.err != nil {
		return r.err
	}
	most := maxSamples
	if p.deep {
		most = maxDeep
	}
	if p.samples < 1 || p.samples > most {
		return fmt.Errorf("%d samples per pixel, not 1 to %d: save it as RGB", p.samples, most)
	}
	if len(bits) == 1 {
		bits = slices.Repeat(bits, p.samples)
	}
	if len(bits) < p.samples {
		return fmt.Errorf("the bits of %d of %d samples", len(bits), p.samples)
	}
	bits = bits[:p.samples]
	if differ(bits) || differ(formats) {
		return fmt.Errorf("samples of different kinds (bits %v, formats %v): save it as RGB", bits, formats)
	}
	p.bits, p.format = bits[0], formats[0]
	if p.bits < 1 || p.bits > 32 && !p.deep || p.bits > 64 {
		return fmt.Errorf("samples of %d bits: save it with 8", p.bits)
	}
	p.planes, p.planar = 1, planar == 2
	if p.planar {
		if !p.deep && len(p.extra) > 0 && len(p.extra) < p.samples && slices.Max(p.extra) == 0 {
			// Planes after those of the colours, of unknown meaning.
			p.samples -= len(p.extra)
			p.extra = nil
		}
		p.planes = p.samples
	}
	return nil
}

func differ(values []int) bool { return slices.Min(values) != slices.Max(values) }

// readChunks reads where the strips or tiles are.
func (p *page) readChunks(r *reader) error {
	p.tiled = !r.has(tagStripOffsets) && r.has(tagTileOffsets)
	if p.tiled {
		p.chunkW, p.chunkH = r.number(tagTileWidth, 0), r.number(tagTileLength, 0)
		p.offsets, p.counts = r.numbers(tagTileOffsets), r.numbers(tagTileByteCounts)
	} else {
		p.chunkW, p.chunkH = p.w, min(r.number(tagRowsPerStrip, p.h), p.h)
		p.offsets, p.counts = r.numbers(tagStripOffsets), r.numbers(tagStripByteCounts)
	}
	if r.err != nil {
		return r.err
	}
	const most = 1 << 16 // a tile may be larger than the page, but not by much
	if p.chunkW <= 0 || p.chunkH <= 0 || p.chunkW > max(p.w, most) || p.chunkH > max(p.h, most) {
		return fmt.Errorf("%ss of %dx%d pixels", p.chunkName(), p.chunkW, p.chunkH)
	}
	p.across, p.down = (p.w-1)/p.chunkW+1, (p.h-1)/p.chunkH+1
	need := p.across * p.down * p.planes
	if len(p.offsets) < need {
		return fmt.Errorf("%d %ss, but the page has %d", len(p.offsets), p.chunkName(), need)
	}
	if p.compression == Plain && len(p.offsets) > need && p.planes == 1 {
		return fmt.Errorf("%d %ss, but the page has %d", len(p.offsets), p.chunkName(), need)
	}
	if len(p.counts) < need {
		p.counts = nil
	}
	return nil
}

func (p *page) chunkName() string {
	if p.tiled {
		return "tile"
	}
	return "strip"
}

// rowBytes is the size of a row of a chunk, of one plane.
func (p *page) rowBytes() int { return (p.chunkW*p.bits*(p.samples/p.planes) + 7) / 8 }

// little reports whether samples have their low byte first.
func (p *page) little() bool { return p.order == binary.LittleEndian }

// header says what the page takes. The picture of a JPEG or WebP chunk is in memory as a whole, with its planes and
// coefficients.
func (p *page) header() Header {
	h := Header{W: p.w, H: p.h, Bits: p.bits * p.samples, Compression: p.compression}
	if p.deep {
		h.Deep = p.samples
	}
	switch p.compression {
	case oldDeflate:
		h.Compression = Deflate
	case JPEG, webP:
		h.Buffer = 12 * ((min(p.chunkW*p.chunkH, p.mostEmbedded())-1)/(p.w*p.h) + 1)
	}
	return h
}
