// SPDX-License-Identifier: Apache-2.0

package tiff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The tags that are read.
const (
	tagSubfile             = 254
	tagWidth               = 256
	tagLength              = 257
	tagBitsPerSample       = 258
	tagCompression         = 259
	tagPhotometric         = 262
	tagFillOrder           = 266
	tagStripOffsets        = 273
	tagSamplesPerPixel     = 277
	tagRowsPerStrip        = 278
	tagStripByteCounts     = 279
	tagPlanar              = 284
	tagT4Options           = 292
	tagPredictor           = 317
	tagColorMap            = 320
	tagTileWidth           = 322
	tagTileLength          = 323
	tagTileOffsets         = 324
	tagTileByteCounts      = 325
	tagExtraSamples        = 338
	tagSampleFormat        = 339
	tagJPEGTables          = 347
	tagYCbCrCoefficients   = 529
	tagYCbCrSubSampling    = 530
	tagReferenceBlackWhite = 532
	tagWindowsMediaPhoto   = 0xbc01
)

// fieldSizes are the bytes of a value of each field type.
var fieldSizes = map[uint16]uint64{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
	16: 8, 17: 8, 18: 8}

// The field types of which numbers are read.
const (
	typeByte     = 1
	typeShort    = 3
	typeLong     = 4
	typeRational = 5
	typeUndef    = 7
	typeFloat    = 11
	typeDouble   = 12
	typeIFD      = 13
	typeLong8    = 16
	typeIFD8     = 18
)

// directory is an image file directory: the tags of a page.
type directory struct {
	order  binary.ByteOrder
	fields map[uint16]field
}

type field struct {
	kind uint16
	raw  []byte // all values
}

// Is reports whether head begins like a TIFF file. Like Pillow, it accepts a version of the other byte order.
func Is(head []byte) bool {
	_, _, _, err := readHeader(head)
	return err == nil
}

func readHeader(data []byte) (order binary.ByteOrder, big bool, first uint64, err error) {
	if len(data) < 8 {
		return nil, false, 0, errors.New("the file ends within its header")
	}
	switch string(data[:2]) {
	case "II":
		order = binary.LittleEndian
	case "MM":
		order = binary.BigEndian
	default:
		return nil, false, 0, errors.New("no byte order")
	}
	switch {
	case order.Uint16(data[2:]) == 43 && len(data) >= 16 && order.Uint16(data[4:]) == 8:
		return order, true, order.Uint64(data[8:]), nil
	case binary.LittleEndian.Uint16(data[2:]) == 42 || binary.BigEndian.Uint16(data[2:]) == 42:
		return order, false, uint64(order.Uint32(data[4:])), nil
	}
	return nil, false, 0, errors.New("no version 42 or 43")
}

// readDirectory reads the first directory and returns where the next one is; 0: there is none.
func readDirectory(data []byte) (d *directory, next uint64, err error) {
	order, big, at, err := readHeader(data)
	if err != nil {
		return nil, 0, err
	}
	return directoryAt(data, order, big, at)
}

// directoryAt reads a directory and returns where the next one is. It keeps the first of two fields with one tag, and
// none that lies outside the file.
func directoryAt(data []byte, order binary.ByteOrder, big bool, at uint64) (*directory, uint64, error) {
	d := &directory{order, map[uint16]field{}}
	countSize, size, inline := uint64(2), uint64(12), uint64(4)
	if big {
		countSize, size, inline = 8, 20, 8
	}
	length := uint64(len(data))
	if at > length || length-at < countSize {
		return nil, 0, errors.New("its directory is beyond the end of the file")
	}
	n := uint64(order.Uint16(data[at:]))
	if big {
		n = order.Uint64(data[at:])
	}
	at += countSize
	for range min(n, (length-at)/size) {
		e := data[at : at+size]
		at += size
		tag, kind, count := order.Uint16(e), order.Uint16(e[2:]), uint64(order.Uint32(e[4:]))
		if big {
			count = order.Uint64(e[4:])
		}
		unit, known := fieldSizes[kind]
		if _, twice := d.fields[tag]; twice || !known || count == 0 || count > length {
			continue
		}
		value := e[size-inline:]
		if need := unit * count; need <= inline {
			d.fields[tag] = field{kind, value[:need]}
			continue
		}
		place := uint64(order.Uint32(value))
		if big {
			place = order.Uint64(value)
		}
		if need := unit * count; place <= length && need <= length-place {
			d.fields[tag] = field{kind, data[place : place+need]}
		}
	}
	switch {
	case length-at < inline:
		return d, 0, nil
	case big:
		return d, order.Uint64(data[at:]), nil
	}
	return d, uint64(order.Uint32(data[at:])), nil
}

func (d *directory) has(tag uint16) bool { _, ok := d.fields[tag]; return ok }

// numbers returns the values of a field of whole numbers; none if there is no such field.
func (d *directory) numbers(tag uint16) ([]int, error) {
	f := d.fields[tag]
	size := int(fieldSizes[f.kind])
	if f.raw == nil {
		return nil, nil
	}
	values := make([]int, len(f.raw)/size)
	for i := range values {
		raw, v := f.raw[i*size:], uint64(0)
		switch f.kind {
		case typeByte, typeUndef:
			v = uint64(raw[0])
		case typeShort:
			v = uint64(d.order.Uint16(raw))
		case typeLong, typeIFD:
			v = uint64(d.order.Uint32(raw))
		case typeLong8, typeIFD8:
			v = d.order.Uint64(raw)
		default:
			return nil, fmt.Errorf("its tag %d has values of type %d, not whole numbers", tag, f.kind)
		}
		if v > math.MaxInt64>>8 {
			return nil, fmt.Errorf("its tag %d is %d", tag, v)
		}
		values[i] = int(v)
	}
	return values, nil
}

// number returns the first value of a field, or otherwise if there is none.
func (d *directory) number(tag uint16, otherwise int) (int, error) {
	values, err := d.numbers(tag)
	if err != nil || len(values) == 0 {
		return otherwise, err
	}
	return values[0], nil
}

// reals returns the values of a field of real numbers, or otherwise if there are not as many.
func (d *directory) reals(tag uint16, otherwise ...float32) []float32 {
	f := d.fields[tag]
	values := make([]float32, len(otherwise))
	for i := range values {
		raw := f.raw[min(i*int(fieldSizes[f.kind]), len(f.raw)):]
		if len(raw) < int(fieldSizes[f.kind]) {
			return otherwise
		}
		switch f.kind {
		case typeRational:
			if d.order.Uint32(raw[4:]) != 0 {
				values[i] = float32(float64(d.order.Uint32(raw)) / float64(d.order.Uint32(raw[4:])))
			}
		case typeFloat:
			values[i] = math.Float32frombits(d.order.Uint32(raw))
		case typeDouble:
			values[i] = float32(math.Float64frombits(d.order.Uint64(raw)))
		case typeShort:
			values[i] = float32(d.order.Uint16(raw))
		case typeLong:
			values[i] = float32(d.order.Uint32(raw))
		default:
			return otherwise
		}
	}
	return values
}
