// SPDX-License-Identifier: Apache-2.0

// Package orientation finds how the picture of an image file is turned: the EXIF orientation, 1 to 8 (CIPA DC-008,
// table 6), wherever a format can have it, and where its EXIF data has none, in its XMP packet.
//
// What counts is what Pillow's Image.getexif finds, because the pixels are to be those of its ImageOps.exif_transpose:
// not more and not less. Metadata that cannot be read is no metadata. Nothing larger than a part of the file is kept,
// apart from at most a megabyte of a compressed text.
//
// Each container is a file of this package: jpeg, png, webp, tiff.
package orientation

import (
	"bytes"
	"regexp"
)

// none is the orientation of a picture that is as it is stored.
const none = 1

// of returns the orientation that EXIF data has, a TIFF file that may begin with "Exif\0\0", or else an XMP packet. The
// packet of EXIF data that is damaged does not count.
func of(exif, xmp []byte) int {
	const mark = "Exif\x00\x00"
	for range 2 {
		exif = bytes.TrimPrefix(exif, []byte(mark))
	}
	if len(exif) == 0 {
		return packet(xmp)
	}
	d, ok := header(exif)
	if !ok {
		return none
	}
	if value, found := d.orientation(); found {
		return value
	}
	return packet(xmp)
}

var inXMP = regexp.MustCompile(`tiff:Orientation(?:="|>)([0-9])`)

// packet returns the orientation of an XMP packet.
func packet(xmp []byte) int {
	if m := inXMP.FindSubmatch(xmp); m != nil {
		return valid(int(m[1][0] - '0'))
	}
	return none
}

func valid(value int) int {
	if value < 1 || value > 8 {
		return none
	}
	return value
}
