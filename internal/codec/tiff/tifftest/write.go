// SPDX-License-Identifier: Apache-2.0

// Package tifftest writes TIFF files of any number of channels for tests.
package tifftest

import "encoding/binary"

// Uint16 is a file of w by h pixels of c unsigned samples of 16 bits, interleaved: len(samples) == w*h*c.
func Uint16(w, h, c int, samples []uint16) []byte { return file(w, h, c, 16, 1, samples) }

// Float32 is a file of w by h pixels of c floating-point samples, interleaved: len(samples) == w*h*c.
func Float32(w, h, c int, samples []float32) []byte { return file(w, h, c, 32, 3, samples) }

// file writes a little-endian file of one strip without compression: header, samples, directory, its longer values.
func file(w, h, c, bits, format int, samples any) []byte {
	le := binary.LittleEndian
	size := w * h * c * bits / 8
	out := le.AppendUint32([]byte("II*\x00"), uint32(8+size))
	out, _ = binary.Append(out, le, samples)
	fields := [][4]int{ // tag, type (3: short, 4: long), count, value
		{256, 4, 1, w}, {257, 4, 1, h}, {258, 3, c, bits}, {259, 3, 1, 1}, {262, 3, 1, 1}, {273, 4, 1, 8},
		{277, 3, 1, c}, {278, 4, 1, h}, {279, 4, 1, size}, {339, 3, c, format},
	}
	more := 8 + size + 2 + 12*len(fields) + 4
	var values []byte
	out = le.AppendUint16(out, uint16(len(fields)))
	for _, f := range fields {
		out = le.AppendUint16(out, uint16(f[0]))
		out = le.AppendUint16(out, uint16(f[1]))
		out = le.AppendUint32(out, uint32(f[2]))
		if f[2] <= 2 {
			out = le.AppendUint16(out, uint16(f[3]))
			if f[2] == 2 {
				out = le.AppendUint16(out, uint16(f[3]))
			} else {
				out = le.AppendUint16(out, uint16(f[3]>>16))
			}
			continue
		}
		out = le.AppendUint32(out, uint32(more+len(values)))
		for range f[2] {
			values = le.AppendUint16(values, uint16(f[3]))
		}
	}
	return append(le.AppendUint32(out, 0), values...)
}
