// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"image"
	"image/color"
)

// FromImage converts an image of the standard library to 8-bit RGB, as Pillow's Image.convert("RGB") does. It drops an
// alpha channel. It does not use the premultiplied colours of image.Image.At, which would darken what lies under alpha;
// an image.RGBA stores its colours multiplied by alpha, and they are taken as stored. 16-bit samples keep their high
// byte.
func FromImage(img image.Image) *Image {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	out := NewImage(w, h)
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

func pixels(out *Image, at func(x, y int) (r, g, b uint8)) {
	p := 0
	for y := range out.H {
		for x := range out.W {
			out.Pix[p], out.Pix[p+1], out.Pix[p+2] = at(x, y)
			p += 3
		}
	}
}

// interleaved takes the first three samples of each pixel of size bytes; of a 16-bit sample it takes the first byte,
// the high one.
func interleaved(out *Image, pix []uint8, stride, size, sample int) {
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

// fromCMYK converts ink values (0 = no ink) as Pillow does: the white that black leaves, minus each ink's share of it.
func fromCMYK(w, h, stride int, pix []uint8) *Image {
	out := NewImage(w, h)
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
