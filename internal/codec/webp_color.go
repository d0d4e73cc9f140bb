// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"image"

	"github.com/parallax-ssl/parallax/augment"
)

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
