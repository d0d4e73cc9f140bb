// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"image"
	"image/color"

	"github.com/parallax-ssl/parallax/augment"
)

// toRGB converts what Go's decoders return to 8-bit RGB without going through the premultiplied colours of
// image.Image.At, which would darken what lies under an alpha channel.
func toRGB(img image.Image) *augment.Image {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	out := &augment.Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
	switch m := img.(type) {
	case *image.YCbCr:
		pixels(out, func(x, y int) (r, g, bl uint8) {
			i, c := m.YOffset(b.Min.X+x, b.Min.Y+y), m.COffset(b.Min.X+x, b.Min.Y+y)
			return color.YCbCrToRGB(m.Y[i], m.Cb[c], m.Cr[c])
		})
	case *image.RGBA:
		interleaved(out, m.Pix, m.Stride, 4, 1)
	case *image.NRGBA:
		interleaved(out, m.Pix, m.Stride, 4, 1)
	case *image.RGBA64:
		interleaved(out, m.Pix, m.Stride, 8, 2)
	case *image.NRGBA64:
		interleaved(out, m.Pix, m.Stride, 8, 2)
	case *image.Gray:
		pixels(out, func(x, y int) (r, g, bl uint8) { v := m.Pix[y*m.Stride+x]; return v, v, v })
	case *image.Gray16:
		pixels(out, func(x, y int) (r, g, bl uint8) { v := m.Pix[y*m.Stride+2*x]; return v, v, v })
	case *image.CMYK:
		return fromCMYK(w, h, m.Stride, m.Pix)
	case *image.Paletted:
		var lut [256][3]uint8
		for i, c := range m.Palette[:min(len(m.Palette), 256)] {
			lut[i] = straight(c)
		}
		pixels(out, func(x, y int) (r, g, bl uint8) { c := &lut[m.Pix[y*m.Stride+x]]; return c[0], c[1], c[2] })
	default:
		pixels(out, func(x, y int) (r, g, bl uint8) {
			c := straight(img.At(b.Min.X+x, b.Min.Y+y))
			return c[0], c[1], c[2]
		})
	}
	return out
}

func pixels(out *augment.Image, at func(x, y int) (r, g, b uint8)) {
	p := 0
	for y := range out.H {
		for x := range out.W {
			out.Pix[p], out.Pix[p+1], out.Pix[p+2] = at(x, y)
			p += 3
		}
	}
}

// interleaved takes the first three samples of each pixel of size bytes; of a 16-bit sample, the first byte, which is
// the high one.
func interleaved(out *augment.Image, pix []uint8, stride, size, sample int) {
	p := 0
	for y := range out.H {
		row := pix[y*stride:]
		for x := range out.W {
			at := row[x*size : x*size+3*sample]
			out.Pix[p], out.Pix[p+1], out.Pix[p+2] = at[0], at[sample], at[2*sample]
			p += 3
		}
	}
}

// straight is a colour's RGB without its alpha applied.
func straight(c color.Color) [3]uint8 {
	switch c := c.(type) {
	case color.NRGBA:
		return [3]uint8{c.R, c.G, c.B}
	case color.RGBA:
		if c.A == 255 || c.A == 0 {
			return [3]uint8{c.R, c.G, c.B}
		}
	}
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return [3]uint8{n.R, n.G, n.B}
}

// fromCMYK converts ink values (0 = no ink) as Pillow does: what white is left by black, less that part of each ink.
func fromCMYK(w, h, stride int, pix []uint8) *augment.Image {
	out := &augment.Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
	p := 0
	for y := range h {
		row := pix[y*stride : y*stride+4*w]
		for x := 0; x < len(row); x += 4 {
			white := 255 - int(row[x+3])
			for c := range 3 {
				t := int(row[x+c])*white + 128
				out.Pix[p+c] = uint8(max(0, white-(t>>8+t)>>8))
			}
			p += 3
		}
	}
	return out
}

// fromWebP converts the lossy WebP planes with the constants of its format (BT.601 in the range 16 to 235, not JPEG's
// full range; RFC 6386, section 9.2) and libwebp's smooth chroma upsampling, in which a pixel takes 9/16 of the
// nearest chroma sample, 3/16 of the next in each direction and 1/16 of the diagonal one.
func fromWebP(m *image.YCbCr) *augment.Image {
	b := m.Bounds()
	w, h := b.Dx(), b.Dy()
	cw, ch := (w+1)/2, (h+1)/2
	out := &augment.Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
	p := 0
	for y := range h {
		near := y / 2
		next := min(max(near-1+2*(y&1), 0), ch-1)
		for x := range w {
			col := x / 2
			side := min(max(col-1+2*(x&1), 0), cw-1)
			u := smooth(m.Cb, m.CStride, near, next, col, side)
			v := smooth(m.Cr, m.CStride, near, next, col, side)
			luma := int(m.Y[y*m.YStride+x]) * 19077 >> 8
			out.Pix[p] = clip6(luma + v*26149>>8 - 14234)
			out.Pix[p+1] = clip6(luma - u*6419>>8 - v*13320>>8 + 8708)
			out.Pix[p+2] = clip6(luma + u*33050>>8 - 17685)
			p += 3
		}
	}
	return out
}

// smooth is (9a + 3b + 3c + d + 8) / 16 in libwebp's order of roundings.
func smooth(plane []uint8, stride, near, next, col, side int) int {
	a, b := int(plane[near*stride+col]), int(plane[near*stride+side])
	c, d := int(plane[next*stride+col]), int(plane[next*stride+side])
	if near == next {
		if col == side {
			return a
		}
		return (3*a + b + 2) >> 2
	}
	if col == side {
		return (3*a + c + 2) >> 2
	}
	sum := a + b + c + d + 8
	return (a + (sum+2*(b+c))>>3) >> 1
}

func clip6(v int) uint8 { return uint8(min(max(v>>6, 0), 255)) }

// onCanvas puts a GIF's first frame where it belongs on the screen that the header describes; around it is black.
func onCanvas(frame *augment.Image, at image.Point, w, h int) *augment.Image {
	if frame.W == w && frame.H == h {
		return frame
	}
	out := &augment.Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
	for y := range frame.H {
		copy(out.Pix[3*((at.Y+y)*w+at.X):], frame.Pix[3*y*frame.W:3*(y+1)*frame.W])
	}
	return out
}

// opaqueGIF returns data without the transparency flag of the first frame's graphic control extension (GIF89a, section
// 23), since Go's decoder would replace the colour that is transparent by black. It copies only when there is one.
func opaqueGIF(data []byte) []byte {
	if len(data) < 13 {
		return data
	}
	at := 13
	if data[10]&0x80 != 0 {
		at += 3 << (data[10]&7 + 1)
	}
	for at+3 < len(data) && data[at] == 0x21 {
		if data[at+1] == 0xf9 && data[at+2] == 4 && data[at+3]&1 != 0 {
			data = append([]byte(nil), data...)
			data[at+3] &^= 1
		}
		for at += 2; at < len(data) && data[at] != 0; at += 1 + int(data[at]) {
		}
		at++
	}
	return data
}
