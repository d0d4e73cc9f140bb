// SPDX-License-Identifier: Apache-2.0

package bombs

import (
	"bytes"
	"compress/lzw"
	"compress/zlib"
	"encoding/binary"
	"io"
)

// The compressions of TIFF.
const (
	tiffRaw      = 1
	tiffFax4     = 4
	tiffLZW      = 5
	tiffDeflate  = 8
	tiffPackBits = 32773
)

func tiffs() []Bomb {
	const side = 13_300
	list := large(
		image("tiff 13,300 x 13,300, deflate", 1, func(to io.Writer) error {
			return tiff(side, 8, tiffDeflate, deflated(side*side))(to)
		}),
		image("tiff 13,300 x 13,300, LZW", 1, func(to io.Writer) error {
			return tiff(side, 8, tiffLZW, lzwed(side*side))(to)
		}),
	)
	return append(list, []Bomb{
		image("tiff 13,300 x 13,300, pack bits, 1 bit", 1, tiff(side, 1, tiffPackBits,
			bytes.Repeat([]byte{0x81, 0}, side*1664/128))),
		image("tiff 13,300 x 13,300, fax", 1, tiff(side, 1, tiffFax4, bytes.Repeat([]byte{0xff}, side/8+1))),
		honest("tiff 3,500 x 3,500, fax: a blank page", 1,
			tiff(3_500, 1, tiffFax4, bytes.Repeat([]byte{0xff}, 438))),
		image("tiff 13,300 x 13,300 in the header alone", 1, tiff(side, 8, tiffRaw, nil)),
		image("tiff whose directory points at itself", 1, func(to io.Writer) error {
			_, err := to.Write(loopedEXIF())
			return err
		}),
		image("tiff of 65,535 tags", 1, func(to io.Writer) error {
			_, err := to.Write(wideEXIF())
			return err
		}),
	}...)
}

func deflated(n int64) []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = io.Copy(z, nothing(n)) // a buffer does not fail
	_ = z.Close()
	return b.Bytes()
}

// lzwed is n zeros in GIF's form of LZW, which a decoder of TIFF's refuses once it has begun.
func lzwed(n int64) []byte {
	var b bytes.Buffer
	z := lzw.NewWriter(&b, lzw.MSB, 8)
	_, _ = io.Copy(z, nothing(n))
	_ = z.Close()
	return b.Bytes()
}

// tiff writes a square grey picture of one strip.
func tiff(side, bits uint32, compression uint16, strip []byte) func(io.Writer) error {
	return func(to io.Writer) error {
		b := []byte("II*\x00\x08\x00\x00\x00")
		tags := []struct {
			tag, kind uint16
			value     uint32
		}{
			{256, 4, side}, {257, 4, side}, {258, 3, bits}, {259, 3, uint32(compression)}, {262, 3, 0},
			{273, 4, 0}, {277, 3, 1}, {278, 4, side}, {279, 4, uint32(len(strip))},
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(len(tags)))
		for _, t := range tags {
			if t.tag == 273 {
				t.value = 8 + 2 + 12*uint32(len(tags)) + 4
			}
			b = binary.LittleEndian.AppendUint16(b, t.tag)
			b = binary.LittleEndian.AppendUint16(b, t.kind)
			b = binary.LittleEndian.AppendUint32(b, 1)
			b = binary.LittleEndian.AppendUint32(b, t.value)
		}
		b = append(b, 0, 0, 0, 0)
		_, err := to.Write(append(b, strip...))
		return err
	}
}
