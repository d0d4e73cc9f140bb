// SPDX-License-Identifier: Apache-2.0

package tiff

import (
	"bytes"
	stdlzw "compress/lzw"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
	tifflzw "golang.org/x/image/tiff/lzw"
)

// rows are the rows of a chunk, from its top.
type rows interface {
	// next fills row with the next row.
	next(row []uint8) error
}

// decompressors are kept from chunk to chunk of a plane, since making one costs more than a small chunk.
type decompressors struct {
	zlib io.ReadCloser
	zstd *zstd.Decoder
	xz   *xz.Reader
}

// chunk opens a chunk of a plane, of which h rows will be read.
func (p *page) chunk(plane, index, h int) (rows, error) {
	data, err := p.chunkData(plane*p.across*p.down+index, h)
	if err != nil {
		return nil, err
	}
	switch p.compression {
	case JPEG:
		return p.jpeg(data, h)
	case webP:
		return p.webp(data, h)
	}
	if p.fill == 2 {
		data = reversed(data)
	}
	from, err := p.decompress(&p.decompressors[plane%len(p.decompressors)], data)
	if err != nil {
		return nil, err
	}
	if p.subsampled() {
		return &units{from: from, subX: p.subX, subY: p.subY}, nil
	}
	undo, err := p.undoPredictor()
	if err != nil {
		return nil, err
	}
	return &plainRows{from, undo}, nil
}

// chunkData returns the bytes of a chunk. Without compression they are as many as its rows take, whatever the file
// says.
func (p *page) chunkData(index, h int) ([]byte, error) {
	at, size := p.offsets[index], len(p.data)-p.offsets[index]
	switch {
	case p.compression == Plain:
		size = h * p.rowBytes()
	case p.counts != nil && (p.counts[index] != 0 || len(p.offsets) > 1):
		size = p.counts[index]
	case len(p.offsets) > 1:
		return nil, errors.New("the file does not say how many bytes it has")
	}
	if at > len(p.data) || size > len(p.data)-at {
		return nil, fmt.Errorf("its %d bytes at %d are beyond the end of the file", size, at)
	}
	return p.data[at : at+size], nil
}

// decompress returns the rows of a chunk, one after the other.
func (p *page) decompress(d *decompressors, data []byte) (io.Reader, error) {
	switch p.compression {
	case Plain:
		return bytes.NewReader(data), nil
	case faxRLE, fax3, fax4:
		return p.faxReader(data)
	case LZW:
		if len(data) >= 2 && data[0] == 0 && data[1]&1 == 1 { // libtiff before 1991 wrote the low bit first
			return stdlzw.NewReader(bytes.NewReader(data), stdlzw.LSB, 8), nil
		}
		return tifflzw.NewReader(bytes.NewReader(data), tifflzw.MSB, 8), nil
	case PackBits:
		return &packBitsReader{data: data}, nil
	case lzma:
		return d.xzReader(data)
	case zstandard:
		return d.zstdReader(data)
	}
	return d.zlibReader(data)
}

func (d *decompressors) zlibReader(data []byte) (r io.Reader, err error) {
	from := bytes.NewReader(data)
	if d.zlib == nil {
		d.zlib, err = zlib.NewReader(from)
		return d.zlib, err
	}
	return d.zlib, d.zlib.(zlib.Resetter).Reset(from, nil)
}

// maxWindow bounds the memory of a decompressor. The usual levels of xz and zstd need 8 MiB.
const maxWindow = 16 << 20

func (d *decompressors) zstdReader(data []byte) (r io.Reader, err error) {
	from := bytes.NewReader(data)
	if d.zstd == nil {
		d.zstd, err = zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		return d.zstd, err
	}
	return d.zstd, d.zstd.Reset(from)
}

func (d *decompressors) xzReader(data []byte) (r io.Reader, err error) {
	from := bytes.NewReader(data)
	if d.xz == nil {
		d.xz, err = xz.NewReader(from, maxWindow)
		return d.xz, err
	}
	return d.xz, d.xz.Reset(from)
}

// plainRows reads rows that are as long as the buffers.
type plainRows struct {
	from io.Reader
	undo func(row []uint8) // the predictor; nil: none
}

func (p *plainRows) next(row []uint8) error {
	if _, err := io.ReadFull(p.from, row); err != nil {
		return shortened(err)
	}
	if p.undo != nil {
		p.undo(row)
	}
	return nil
}

// shortened is the error for a chunk whose rows cannot all be read.
func shortened(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("it ends before its last row")
	}
	return err
}

// packBitsReader undoes PackBits (TIFF 6.0, section 9).
type packBitsReader struct {
	data    []byte
	literal int // bytes to copy
	repeat  int // times that value is still to come
	value   byte
}

func (r *packBitsReader) Read(out []byte) (n int, err error) {
	for n < len(out) {
		switch {
		case r.repeat > 0:
			out[n] = r.value
			r.repeat--
			n++
		case r.literal > 0 && len(r.data) > 0:
			copied := copy(out[n:min(len(out), n+r.literal)], r.data)
			r.data, r.literal, n = r.data[copied:], r.literal-copied, n+copied
		case len(r.data) < 2:
			return n, io.EOF
		case r.data[0] < 128:
			r.literal, r.data = int(r.data[0])+1, r.data[1:]
		case r.data[0] == 128: // no operation
			r.data = r.data[1:]
		default:
			r.repeat, r.value, r.data = 257-int(r.data[0]), r.data[1], r.data[2:]
		}
	}
	return n, nil
}
