// SPDX-License-Identifier: Apache-2.0

package bombs

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"fmt"
	"io"
)

// others are GIF, BMP, PNM and WebP files.
func others() []Bomb {
	return append(large(image("gif 13,000 x 13,000", 1, gif(13_000, 13_000, 13_000, 1))), []Bomb{
		image("gif 1 x 1 on a screen of 65,535 x 65,535", 1, gif(65_535, 1, 1, 1)),
		image("gif 1 x 1 on a screen of 12,000 x 12,000", 1, gif(12_000, 1, 1, 1)),
		honest("gif of 100,000 frames", 1, gif(64, 64, 64, 100_000)),
		image("bmp 13,000 x 13,000, run lengths", 1, bmp(13_000, 1, true)),
		image("bmp 30,000 x 30,000", 1, bmp(30_000, 0, false)),
		image("pnm 30,000 x 30,000", 1, text("P6 30000 30000 255\n")),
		image("pnm 4,000,000,000 x 4,000,000,000", 1, text("P5 4000000000 4000000000 255\n")),
		image("pnm with a comment of 64 MB", 1, text("P5 #"+string(bytes.Repeat([]byte{'x'}, 64<<20)))),
		image("webp 16,383 x 16,383, lossless, eight", 8, webp(16_383)),
		honest("webp 2,300 x 2,300, lossless", 1, webp(2_300)),
		image("webp 16,383 x 16,383, lossy, in the header alone", 1, lossy),
	}...)
}

// gif writes n equal frames of w x h pixels on a square screen.
func gif(screen, w, h, n int) func(io.Writer) error {
	return func(to io.Writer) error {
		var pixels bytes.Buffer
		z := lzw.NewWriter(&pixels, lzw.LSB, 2)
		if _, err := io.Copy(z, nothing(int64(w)*int64(h))); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		b := []byte("GIF89a")
		for _, side := range []int{screen, screen} {
			b = binary.LittleEndian.AppendUint16(b, uint16(side))
		}
		b = append(b, 0x80, 0, 0, 0, 0, 0, 255, 255, 255)
		frame := []byte{',', 0, 0, 0, 0}
		for _, side := range []int{w, h} {
			frame = binary.LittleEndian.AppendUint16(frame, uint16(side))
		}
		frame = append(frame, 0, 2)
		for rest := pixels.Bytes(); len(rest) > 0; {
			size := min(255, len(rest))
			frame = append(append(frame, byte(size)), rest[:size]...)
			rest = rest[size:]
		}
		b = append(b, bytes.Repeat(append(frame, 0), n)...)
		_, err := to.Write(append(b, ';'))
		return err
	}
}

// bmp writes a square picture, compressed as runs of 255 equal pixels or of 24 bits without its pixels.
func bmp(side int, compression uint32, pixels bool) func(io.Writer) error {
	return func(to io.Writer) error {
		bits, at := uint16(24), uint32(54)
		if compression == 1 {
			bits, at = 8, 54+1024
		}
		b := append([]byte("BM"), make([]byte, 8)...)
		for _, v := range []uint32{at, 40, uint32(side), uint32(side)} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		b = binary.LittleEndian.AppendUint16(b, 1)
		b = binary.LittleEndian.AppendUint16(b, bits)
		b = binary.LittleEndian.AppendUint32(b, compression)
		b = append(b, make([]byte, int(at)-len(b))...)
		if pixels {
			row := append(bytes.Repeat([]byte{255, 0}, side/255), byte(side%255), 0, 0, 0)
			b = append(b, bytes.Repeat(row, side)...)
		}
		_, err := to.Write(append(b, 0, 1))
		return err
	}
}

func text(s string) func(io.Writer) error {
	return func(to io.Writer) error { _, err := fmt.Fprint(to, s); return err }
}

// webp writes a square lossless picture whose five codes have one symbol each, so that a pixel takes no bit.
func webp(side uint64) func(io.Writer) error {
	return func(to io.Writer) error {
		var bits uint64
		var used int
		put := func(v uint64, n int) { bits |= v << used; used += n }
		put(side-1, 14)
		put(side-1, 14)
		put(0, 1+3) // without alpha, version 0
		put(0, 3)   // without transforms, colour cache and further codes
		for range 5 {
			put(1, 1) // a simple code
			put(0, 3) // of one symbol, which is 0
		}
		body := binary.LittleEndian.AppendUint64([]byte{0x2f}, bits)
		return riff(to, "VP8L", append(body, 0))
	}
}

func riff(to io.Writer, kind string, body []byte) error {
	if len(body)%2 == 1 {
		body = append(body, 0)
	}
	b := append([]byte("WEBP"), kind...)
	b = append(binary.LittleEndian.AppendUint32(b, uint32(len(body))), body...)
	_, err := to.Write(append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(b))), b...))
	return err
}

// lossy writes a key frame's header (RFC 6386, section 9.1) and little more.
func lossy(to io.Writer) error {
	body := []byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f}
	return riff(to, "VP8 ", append(body, make([]byte, 200)...))
}
