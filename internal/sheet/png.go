// SPDX-License-Identifier: Apache-2.0

package sheet

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
	"io"
)

// File is the name of a sheet for which nobody gave another one.
const File = "views.png"

// HeadBytes is enough of a PNG file for [Made].
const HeadBytes = 128

// software is the text of a sheet's file: PNG's registered keyword for what wrote an image, and its value.
const software = "Software\x00Parallax"

// header is the length of a PNG's signature and its first chunk, IHDR.
const header = 8 + 12 + 13

// WritePNG writes a sheet as a PNG file that [Made] recognises.
func WritePNG(w io.Writer, m image.Image) error {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return err
	}
	chunk := append([]byte("tEXt"), software...)
	var marked []byte
	marked = append(marked, b.Next(header)...)
	marked = binary.BigEndian.AppendUint32(marked, uint32(len(software)))
	marked = append(marked, chunk...)
	marked = binary.BigEndian.AppendUint32(marked, crc32.ChecksumIEEE(chunk))
	if _, err := w.Write(marked); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}

// Made reports whether a file that begins with head was written by [WritePNG].
func Made(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")) && bytes.Contains(head, []byte("tEXt"+software))
}
