// SPDX-License-Identifier: Apache-2.0

package orientation

import (
	"bytes"
	"encoding/binary"
)

// JPEG returns the orientation of a JPEG file. Its EXIF data and its XMP packet are in segments APP1 before the first
// scan (CIPA DC-008, 4.7.2; XMP part 3, 1.1.3). EXIF data may go on in further segments; of several packets the last
// counts.
func JPEG(data []byte) int {
	const app1, start = 0xe1, 0xda
	var exif, xmp []byte
	for at := 2; at+4 <= len(data); {
		if data[at] != 0xff || data[at+1] == 0xff || data[at+1] == 0 {
			at++
			continue
		}
		marker := data[at+1]
		at += 2
		if marker == 0x01 || marker >= 0xd0 && marker <= 0xd8 {
			continue // no parameters
		}
		n := int(binary.BigEndian.Uint16(data[at:]))
		if marker == start || n < 2 || at+n > len(data) {
			break
		}
		segment := data[at+2 : at+n]
		at += n
		if marker != app1 {
			continue
		}
		if rest, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok {
			if exif == nil {
				exif = rest[:len(rest):len(rest)] // the next segment is not appended in place
			} else {
				exif = append(exif, rest...)
			}
		} else if rest, ok := bytes.CutPrefix(segment, []byte("http://ns.adobe.com/xap/1.0/\x00")); ok {
			xmp = rest
		}
	}
	return of(exif, xmp)
}
