// SPDX-License-Identifier: Apache-2.0

package bombs

import (
	"bytes"
	"encoding/binary"
	goimage "image"
	gojpeg "image/jpeg"
	"io"
)

func jpegs() []Bomb {
	small := goimage.Rect(0, 0, 16, 16)
	return []Bomb{
		// A block of one grey is the bits 00 (no difference) and 1010 (no more coefficients).
		image("jpeg 13,000 x 13,000 of one grey", 1, jpeg(greyOf(small), 13_000, "\x28\xa2\x8a", 1625*1625/4+1)),
		image("jpeg 13,000 x 13,000 of one colour", 1, jpeg(colourOf(small), 13_000, "\x28\xa2\x8a\x00", 813*813)),
		image("jpeg 65,500 x 65,500", 1, jpeg(greyOf(small), 65_500, "\x28\xa2\x8a", 1)),
		image("jpeg 13,000 x 13,000 in the header alone", 1, jpeg(greyOf(small), 13_000, "", 0)),
		image("jpeg 4,000 x 4,000 in 499 scans", 1, scans(4_000, 499)),
		honest("jpeg 2,000 x 2,000 in 40 scans", 1, scans(2_000, 40)),
		image("jpeg 4,000 x 4,000 in 20,000 scans", 1, scans(4_000, 20_000)),
		image("jpeg with EXIF that points at itself", 1, withEXIF(loopedEXIF())),
		image("jpeg with EXIF of 5,000 tags", 1, withEXIF(wideEXIF()[:60_000])),
	}
}

func greyOf(r goimage.Rectangle) goimage.Image {
	m := goimage.NewGray(r)
	for i := range m.Pix {
		m.Pix[i] = 128
	}
	return m
}

func colourOf(r goimage.Rectangle) goimage.Image {
	m := goimage.NewYCbCr(r, goimage.YCbCrSubsampleRatio420)
	for _, plane := range [][]uint8{m.Y, m.Cb, m.Cr} {
		for i := range plane {
			plane[i] = 128
		}
	}
	return m
}

// jpeg writes a file with the headers of m and another size, and the bits of its scan over and over.
func jpeg(m goimage.Image, side int, bits string, times int) func(io.Writer) error {
	return func(to io.Writer) error {
		var b bytes.Buffer
		if err := gojpeg.Encode(&b, m, nil); err != nil {
			return err
		}
		data := b.Bytes()
		frame := bytes.Index(data, []byte{0xff, 0xc0})
		binary.BigEndian.PutUint16(data[frame+5:], uint16(side))
		binary.BigEndian.PutUint16(data[frame+7:], uint16(side))
		scan := bytes.Index(data, []byte{0xff, 0xda})
		scan += 2 + int(binary.BigEndian.Uint16(data[scan+2:]))
		for _, part := range [][]byte{data[:scan], bytes.Repeat([]byte(bits), times), {0xff, 0xd9}} {
			if _, err := to.Write(part); err != nil {
				return err
			}
		}
		return nil
	}
}

// scans writes a progressive file whose every scan says in a few bytes that all blocks stay as they are.
func scans(side, n int) func(io.Writer) error {
	return func(to io.Writer) error {
		b := []byte("\xff\xd8\xff\xdb\x00\x43\x00")
		b = append(b, bytes.Repeat([]byte{1}, 64)...)
		b = append(b, "\xff\xc2\x00\x0b\x08"...)
		b = binary.BigEndian.AppendUint16(b, uint16(side))
		b = binary.BigEndian.AppendUint16(b, uint16(side))
		b = append(b, 1, 1, 0x11, 0)
		table := func(class byte, symbol byte) { // of one symbol, whose code is the bit 0
			b = append(b, "\xff\xc4\x00\x14"...)
			b = append(append(append(b, class, 1), make([]byte, 15)...), symbol)
		}
		table(0x00, 0)    // no difference
		table(0x10, 0xe0) // 2^14 blocks and more have no more coefficients: 14 bits say how many more
		blocks := ((side + 7) / 8) * ((side + 7) / 8)
		b = append(b, "\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00"...)
		b = append(b, make([]byte, (blocks+7)/8)...)
		run := make([]byte, 15*(blocks/16384+1)/8+1) // zeros: runs of 2^14
		for range n - 1 {
			b = append(b, "\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00"...)
			b = append(b, run...)
		}
		_, err := to.Write(append(b, 0xff, 0xd9))
		return err
	}
}

// withEXIF writes a small picture with an EXIF segment.
func withEXIF(exif []byte) func(io.Writer) error {
	return func(to io.Writer) error {
		var b bytes.Buffer
		if err := gojpeg.Encode(&b, greyOf(goimage.Rect(0, 0, 64, 64)), nil); err != nil {
			return err
		}
		segment := append([]byte("\xff\xd8\xff\xe1\x00\x00Exif\x00\x00"), exif...)
		binary.BigEndian.PutUint16(segment[4:], uint16(len(segment)-4))
		_, err := to.Write(append(segment, b.Bytes()[2:]...))
		return err
	}
}
