// SPDX-License-Identifier: Apache-2.0

package bombs

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// The colour types of PNG.
const (
	grey    = 0
	rgb     = 2
	palette = 3
	rgba    = 6
)

func pngs() []Bomb {
	list := []Bomb{
		image("png 13,300 x 13,300, 1 bit", 1, png(13_300, 13_300, 1, grey, nil)),
		image("png 13,300 x 13,300, 1 bit, eight", 8, png(13_300, 13_300, 1, grey, nil)),
		image("png 14,000 x 14,000, palette", 1, png(14_000, 14_000, 4, palette, nil)),
		image("png 100,000 x 100,000", 1, png(100_000, 100_000, 1, grey, []byte{})),
		image("png 12,000 x 12,000 in the header alone", 1, png(12_000, 12_000, 8, grey, []byte{})),
		honest("png 4,700 x 4,700, white", 1, png(4_700, 4_700, 1, grey, nil)),
		honest("png 6,000 x 1", 1, png(6_000, 1, 8, grey, nil)),
		honest("png 60,000 x 1", 1, png(60_000, 1, 8, rgb, nil)),
		honest("png 1 x 1,000,000", 1, png(1, 1_000_000, 8, grey, nil)),
		honest("png 1,000,000 x 1", 1, png(1_000_000, 1, 8, grey, nil)),
		image("png 50,000,000 x 1", 1, png(50_000_000, 1, 1, grey, nil)),
		honest("png with EXIF that points at itself", 1, png(64, 64, 8, rgb, nil, chunk("eXIf", loopedEXIF()))),
		honest("png with EXIF of 65,535 tags", 1, png(64, 64, 8, rgb, nil, chunk("eXIf", wideEXIF()))),
		honest("png of 400,000 chunks", 1,
			png(64, 64, 8, rgb, nil, bytes.Repeat(chunk("tEXt", []byte("a\x00b")), 400_000))),
	}
	return append(list, large(
		image("png 9,000 x 9,000, RGBA of 16 bits", 1, png(9_000, 9_000, 16, rgba, nil)),
		image("png 12,000 x 12,000, RGB", 1, png(12_000, 12_000, 8, rgb, nil)),
		honest("png with a text of 512 MB", 1, lazy(func() []byte { return packed("zTXt", "x\x00\x00") })),
		honest("png with an international text of 512 MB", 1,
			lazy(func() []byte { return packed("iTXt", "x\x00\x01\x00\x00\x00") })),
		honest("png with a profile of 512 MB", 1, lazy(func() []byte { return packed("iCCP", "x\x00\x00") })),
	)...)
}

// png writes a picture of zeros, or of the pixels given, with chunks before them.
func png(w, h, depth, kind int, pixels []byte, chunks ...[]byte) func(io.Writer) error {
	return func(to io.Writer) error {
		channels := map[int]int{grey: 1, rgb: 3, palette: 1, rgba: 4}[kind]
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		if pixels == nil {
			row := int64(1 + (w*depth*channels+7)/8)
			if _, err := io.Copy(z, nothing(row*int64(h))); err != nil {
				return err
			}
		}
		if err := z.Close(); err != nil {
			return err
		}
		header := binary.BigEndian.AppendUint32(nil, uint32(w))
		header = append(binary.BigEndian.AppendUint32(header, uint32(h)), byte(depth), byte(kind), 0, 0, 0)
		if kind == palette {
			chunks = append(chunks, chunk("PLTE", make([]byte, 48)))
		}
		all := [][]byte{[]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", header)}
		all = append(all, chunks...)
		all = append(all, chunk("IDAT", b.Bytes()), chunk("IEND", nil))
		for _, part := range all {
			if _, err := to.Write(part); err != nil {
				return err
			}
		}
		return nil
	}
}

// lazy is a small picture with a chunk that takes long to make.
func lazy(content func() []byte) func(io.Writer) error {
	return func(to io.Writer) error { return png(64, 64, 8, rgb, nil, content())(to) }
}

func chunk(kind string, data []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	body := append([]byte(kind), data...)
	return binary.BigEndian.AppendUint32(append(out, body...), crc32.ChecksumIEEE(body))
}

// packed is a chunk with 512 MB of zeros, compressed.
func packed(kind, prefix string) []byte {
	var b bytes.Buffer
	b.WriteString(prefix)
	z := zlib.NewWriter(&b)
	_, _ = io.Copy(z, nothing(512<<20)) // a buffer does not fail
	_ = z.Close()
	return chunk(kind, b.Bytes())
}

// loopedEXIF is a directory whose every link leads back to itself.
func loopedEXIF() []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, 3)
	for _, tag := range []uint16{0x8769, 0x8825, 0xa005} { // the EXIF, GPS and interoperability directories
		b = binary.LittleEndian.AppendUint16(b, tag)
		b = append(b, 4, 0, 1, 0, 0, 0, 8, 0, 0, 0)
	}
	return append(b, 8, 0, 0, 0)
}

// wideEXIF is a directory of 65,535 tags, each of which claims 4 GB of text.
func wideEXIF() []byte {
	b := []byte("II*\x00\x08\x00\x00\x00\xff\xff")
	for range 65_535 {
		b = append(b, 0x0e, 0x01, 2, 0, 0xff, 0xff, 0xff, 0xff, 8, 0, 0, 0)
	}
	return append(b, 8, 0, 0, 0)
}
