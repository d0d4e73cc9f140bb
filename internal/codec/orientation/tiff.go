// SPDX-License-Identifier: Apache-2.0

package orientation

import "encoding/binary"

// TIFF returns the orientation of a TIFF or BigTIFF file: that of its first directory.
func TIFF(data []byte) int {
	d, ok := header(data)
	if !ok {
		if d, ok = bigHeader(data); !ok {
			return none
		}
	}
	if value, found := d.orientation(); found {
		return value
	}
	var xmp []byte
	d.tags(func(tag uint16, v value) bool {
		if tag != tagXMP {
			return true
		}
		if v.kind == typeByte || v.kind == typeUndefined {
			xmp = v.data
		}
		return false
	})
	return packet(xmp)
}

func bigHeader(data []byte) (d directory, ok bool) {
	if len(data) < 16 {
		return d, false
	}
	d.data, d.big = data, true
	switch string(data[:4]) {
	case "II+\x00":
		d.order = binary.LittleEndian
	case "MM\x00+":
		d.order = binary.BigEndian
	default:
		return d, false
	}
	d.at = d.order.Uint64(data[8:])
	return d, true
}
