// SPDX-License-Identifier: Apache-2.0

package orientation

import "encoding/binary"

// WebP returns the orientation of a WebP file, whose chunk VP8X must announce the chunks "EXIF" and "XMP ". RIFF pads
// chunks to an even length.
func WebP(data []byte) int {
	const hasXMP, hasExif = 1 << 2, 1 << 3
	if len(data) < 30 || string(data[12:16]) != "VP8X" {
		return none
	}
	data = data[:min(uint64(len(data)), 8+uint64(binary.LittleEndian.Uint32(data[4:])))]
	var exif, xmp []byte
	flags := data[20]
	for at := uint64(12); at+8 <= uint64(len(data)); {
		n := uint64(binary.LittleEndian.Uint32(data[at+4:]))
		if at+8+n > uint64(len(data)) {
			break
		}
		chunk := data[at+8 : at+8+n]
		switch name := string(data[at : at+4]); {
		case name == "EXIF" && flags&hasExif != 0 && exif == nil:
			exif = chunk
		case name == "XMP " && flags&hasXMP != 0 && xmp == nil:
			xmp = chunk
		}
		at += 8 + n + n&1
	}
	return of(exif, xmp)
}
