// SPDX-License-Identifier: Apache-2.0

package orientation

import (
	"encoding/binary"
	"math"
)

// The tags that are looked for.
const (
	tagOrientation = 274
	tagXMP         = 700
)

// The types of TIFF's values that are told apart (TIFF 6.0, section 2).
const (
	typeByte           = 1
	typeASCII          = 2
	typeShort          = 3
	typeLong           = 4
	typeRational       = 5
	typeSignedByte     = 6
	typeUndefined      = 7
	typeSignedShort    = 8
	typeSignedLong     = 9
	typeSignedRational = 10
	typeFloat          = 11
	typeDouble         = 12
	typeIFD            = 13
	typeLong8          = 16
)

// sizes has the bytes of one value.
var sizes = map[uint16]uint64{typeByte: 1, typeASCII: 1, typeShort: 2, typeLong: 4, typeRational: 8, typeSignedByte: 1,
	typeUndefined: 1, typeSignedShort: 2, typeSignedLong: 4, typeSignedRational: 8, typeFloat: 4, typeDouble: 8,
	typeIFD: 4, typeLong8: 8}

// directory is where the first image file directory of TIFF data begins.
type directory struct {
	data  []byte
	order binary.ByteOrder
	big   bool // BigTIFF
	at    uint64
}

// header reads the header of TIFF data. BigTIFF is only in files of its own.
func header(data []byte) (d directory, ok bool) {
	if len(data) < 8 {
		return d, false
	}
	d.data = data
	switch string(data[:4]) {
	case "II*\x00", "II\x00*":
		d.order = binary.LittleEndian
	case "MM\x00*", "MM*\x00":
		d.order = binary.BigEndian
	default:
		return d, false
	}
	d.at = uint64(d.order.Uint32(data[4:]))
	return d, true
}

// value is what a tag has.
type value struct {
	kind uint16
	data []byte
}

// tags calls visit with each tag, until it returns false. A tag that stands twice is visited twice.
func (d directory) tags(visit func(tag uint16, v value) bool) {
	entry, inline, count := 12, uint64(4), uint64(0)
	at := d.at
	if d.big {
		entry, inline = 20, 8
		head, ok := d.slice(at, 8)
		if !ok {
			return
		}
		count, at = d.order.Uint64(head), at+8
	} else {
		head, ok := d.slice(at, 2)
		if !ok {
			return
		}
		count, at = uint64(d.order.Uint16(head)), at+2
	}
	apart := uint64(0) // bytes of values outside of the directory
	for range count {
		e, ok := d.slice(at, uint64(entry))
		if !ok {
			return
		}
		at += uint64(entry)
		tag, kind, size := d.order.Uint16(e), d.order.Uint16(e[2:]), uint64(0)
		var data []byte
		if d.big {
			size, data = d.order.Uint64(e[4:]), e[12:]
		} else {
			size, data = uint64(d.order.Uint32(e[4:])), e[8:]
		}
		unit := sizes[kind]
		if unit == 0 || size == 0 {
			continue
		}
		size = min(size, math.MaxUint64/2/unit) * unit
		if size > inline {
			from := uint64(0)
			if d.big {
				from = d.order.Uint64(data)
			} else {
				from = uint64(d.order.Uint32(data))
			}
			if from >= 1<<63 {
				continue
			}
			apart = min(apart+size, math.MaxUint64/2)
			if apart > uint64(len(d.data)) {
				continue
			}
			if data, ok = d.slice(from, size); !ok {
				return
			}
		} else {
			data = data[:size]
		}
		if !visit(tag, value{kind, data}) {
			return
		}
	}
}

func (d directory) slice(at, size uint64) ([]byte, bool) {
	n := uint64(len(d.data))
	if at > n || size > n-at {
		return nil, false
	}
	return d.data[at : at+size], true
}

// orientation returns the tag's value, and none for values that are no orientation. found is false if there is no tag.
func (d directory) orientation() (is int, found bool) {
	d.tags(func(tag uint16, v value) bool {
		if tag == tagOrientation {
			is, found = d.number(v), true
		}
		return !found
	})
	return is, found
}

// number returns the orientation that a value is, of whatever type of numbers; bytes and text are none.
func (d directory) number(v value) int {
	var n float64
	switch v.kind {
	case typeShort:
		n = float64(d.order.Uint16(v.data))
	case typeLong, typeIFD:
		n = float64(d.order.Uint32(v.data))
	case typeLong8:
		n = float64(d.order.Uint64(v.data))
	case typeSignedByte:
		n = float64(int8(v.data[0]))
	case typeSignedShort:
		n = float64(int16(d.order.Uint16(v.data)))
	case typeSignedLong:
		n = float64(int32(d.order.Uint32(v.data)))
	case typeRational:
		n = float64(d.order.Uint32(v.data)) / float64(d.order.Uint32(v.data[4:]))
	case typeSignedRational:
		n = float64(int32(d.order.Uint32(v.data))) / float64(int32(d.order.Uint32(v.data[4:])))
	case typeFloat:
		n = float64(math.Float32frombits(d.order.Uint32(v.data)))
	case typeDouble:
		n = math.Float64frombits(d.order.Uint64(v.data))
	}
	if n >= 1 && n <= 8 && n == math.Trunc(n) {
		return int(n)
	}
	return none
}
