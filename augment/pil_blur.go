// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"math"
	"math/rand/v2"
)

// PILBlur blurs as Pillow's ImageFilter.GaussianBlur does, with probability P and a standard deviation from U[Sigma].
// It approximates a Gaussian by three box filters in each direction; solo-learn and lightly use it. [GaussianBlur] is
// the exact one.
type PILBlur struct {
	P     float64
	Sigma [2]float64 // pixels
}

// Name returns "pil_blur".
func (PILBlur) Name() string { return "pil_blur" }

// Validate checks P and Sigma.
func (o PILBlur) Validate() error {
	return firstError(checkP(o.P), checkRange("sigma", o.Sigma, 0, maxSide))
}

// Draw returns a [BoxBlur], or nil.
func (o PILBlur) Draw(w, h int, r *rand.Rand) Drawn {
	applied := happens(o.P, r)
	d := BoxBlur{Sigma: uniform(o.Sigma[0], o.Sigma[1], r)}
	if !applied {
		return nil
	}
	return d
}

// BoxBlur is three box filters along the rows and then three along the columns, each rounded to 8 bits. The box has a
// fractional radius, chosen so that three of them have the standard deviation Sigma (Gwosdek et al. 2011, "Theoretical
// foundations of Gaussian convolution by extended box filtering"). Beyond the border the border pixel repeats. A Sigma
// that is not positive changes nothing.
type BoxBlur struct {
	inPlace
	Sigma float64 // pixels
}

// Apply blurs img in place.
func (d BoxBlur) Apply(img *Image) *Image {
	b := newBox(float32(d.Sigma))
	switch {
	case b.radius == 0 && b.edge == 0, img.W <= 0 || img.H <= 0:
		return img
	case img.Deep != nil:
		return b.deep(img)
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)

	stride := 3 * img.W
	pad := 0 // how far alongRow reads beyond either end of a row
	if b.radius < 2 {
		pad = 3 * (b.radius + 1)
	}
	lines := grow(&s.pix, 2*(stride+2*pad))
	first, second := lines[:stride+2*pad], lines[stride+2*pad:]
	for y := range img.H {
		row := img.Pix[y*stride : (y+1)*stride]
		copy(first[pad:], row)
		b.alongRow(second[pad:pad+stride], first, pad)
		b.alongRow(first[pad:pad+stride], second, pad)
		b.alongRow(row, first, pad)
	}

	other := grow(&s.pix, len(img.Pix))
	acc := grow(&s.acc, stride)
	b.alongColumns(other, img.Pix, acc, img.H)
	b.alongColumns(img.Pix, other, acc, img.H)
	b.alongColumns(other, img.Pix, acc, img.H)
	copy(img.Pix, other)
	return img
}

// box is a box filter with a fractional radius: 2*radius+1 whole pixels, and a part of the next pixel at either end.
// Weights are in 24-bit fixed point: middle*(2*radius+1) + 2*edge is 1<<24 or one less.
type box struct {
	radius       int
	middle, edge uint32
}

// newBox returns the filter that gives the standard deviation sigma when applied three times. The arithmetic is
// Pillow's, in float32 except for the length.
func newBox(sigma float32) box {
	if !(sigma > 0) {
		return box{}
	}
	sigma = min(sigma, 1<<20) // far beyond any image; keeps what follows in range
	variance := sigma * sigma / 3
	length := float32(math.Sqrt(float64(12*float64(variance)) + 1))
	l := float32(math.Floor((float64(length) - 1) / 2))
	a := (2*l + 1) * (float32(l*(l+1)) - float32(3*variance))
	a /= 6 * (variance - float32((l+1)*(l+1)))
	radius := l + a
	b := box{radius: int(radius)}
	b.middle = uint32((1 << 24) / (2*radius + 1))
	b.edge = (1<<24 - uint32(2*b.radius+1)*b.middle) / 2
	return b
}

// level returns the filter's output for one channel. inside is the sum of the whole pixels, ends that of the two
// partial ones.
func (b box) level(inside, ends uint32) uint8 {
	return uint8((inside*b.middle + ends*b.edge + 1<<23) >> 24)
}

// small applies a filter of radius 0 or 1 from five lines that hold, at each place, the pixel and its neighbours on
// either side. It keeps no running sum, so the processor works on several places at once.
func (b box) small(dst, before2, before, at, after, after2 []uint8) {
	before, at, after = before[:len(dst)], at[:len(dst)], after[:len(dst)]
	if b.radius == 0 {
		for i := range dst {
			dst[i] = b.level(uint32(at[i]), uint32(before[i])+uint32(after[i]))
		}
		return
	}
	before2, after2 = before2[:len(dst)], after2[:len(dst)]
	for i := range dst {
		dst[i] = b.level(uint32(before[i])+uint32(at[i])+uint32(after[i]), uint32(before2[i])+uint32(after2[i]))
	}
}

// alongRow filters the row line[pad:len(line)-pad] into dst; it overwrites the padding.
func (b box) alongRow(dst, line []uint8, pad int) {
	if pad == 0 {
		b.slide(dst, line)
		return
	}
	n := len(dst)
	for i := 0; i < pad; i += 3 {
		copy(line[i:i+3], line[pad:])
		copy(line[pad+n+i:], line[pad+n-3:pad+n])
	}
	before2, after2 := line, line[2*pad:]
	b.small(dst, before2, line[pad-3:], line[pad:], line[pad+3:], after2)
}

// slide filters the row src into dst with a running sum that begins one place before the row. There the filter covers
// the first pixel radius+1 times and then the pixels from 0 to radius-1; the row's last pixel stands for those beyond
// it.
func (b box) slide(dst, src []uint8) {
	last := len(src)/3 - 1
	inner := min(b.radius, last)
	var red, green, blue uint32
	for i := range inner {
		red += uint32(src[3*i])
		green += uint32(src[3*i+1])
		blue += uint32(src[3*i+2])
	}
	before, after := uint32(b.radius+1), uint32(b.radius-inner)
	red += before*uint32(src[0]) + after*uint32(src[3*last])
	green += before*uint32(src[1]) + after*uint32(src[3*last+1])
	blue += before*uint32(src[2]) + after*uint32(src[3*last+2])
	for x := range last + 1 {
		i, j, k := 3*max(0, x-b.radius-1), 3*min(last, x+b.radius), 3*min(last, x+b.radius+1)
		left, in, right, out := src[i:i+3:i+3], src[j:j+3:j+3], src[k:k+3:k+3], dst[3*x:3*x+3:3*x+3]
		red += uint32(in[0]) - uint32(left[0])
		green += uint32(in[1]) - uint32(left[1])
		blue += uint32(in[2]) - uint32(left[2])
		out[0] = b.level(red, uint32(left[0])+uint32(right[0]))
		out[1] = b.level(green, uint32(left[1])+uint32(right[1]))
		out[2] = b.level(blue, uint32(left[2])+uint32(right[2]))
	}
}

// alongColumns filters every column of src, an image of rows rows, into dst. acc holds one running sum per byte of a
// row.
func (b box) alongColumns(dst, src []uint8, acc []uint32, rows int) {
	n, last := len(acc), rows-1
	row := func(y int) []uint8 { y = min(max(y, 0), last); return src[y*n : (y+1)*n] }
	if b.radius < 2 {
		for y := range rows {
			b.small(dst[y*n:(y+1)*n], row(y-2), row(y-1), row(y), row(y+1), row(y+2))
		}
		return
	}
	inner := min(b.radius, last)
	before, after := uint32(b.radius+1), uint32(b.radius-inner)
	top, bottom := row(0)[:len(acc)], row(last)[:len(acc)]
	for i := range acc {
		acc[i] = before*uint32(top[i]) + after*uint32(bottom[i])
	}
	for y := range inner {
		for i, v := range row(y)[:len(acc)] {
			acc[i] += uint32(v)
		}
	}
	for y := range rows {
		above, in, below := row(y - b.radius - 1)[:len(acc)], row(y + b.radius)[:len(acc)],
			row(y + b.radius + 1)[:len(acc)]
		out := dst[y*n:][:len(acc)]
		for i, sum := range acc {
			sum += uint32(in[i]) - uint32(above[i])
			acc[i] = sum
			out[i] = b.level(sum, uint32(above[i])+uint32(below[i]))
		}
	}
}
