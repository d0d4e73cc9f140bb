// SPDX-License-Identifier: Apache-2.0

package augment

import "sync"

// window is a rectangle of pixels inside a larger image.
type window struct {
	pix          []uint8 // begins at the first pixel
	stride, w, h int     // stride in bytes
}

func (s window) row(y int) []uint8 { return s.pix[y*s.stride:][: 3*s.w : 3*s.w] }

// resample returns src resized to w by h: Pillow's two passes, each rounded to 8 bits. Rows are shrunk first, unless
// columns shrink by more than twice as many pixels as rows do (Pillow 13's order). A pass that changes nothing is
// skipped.
func resample(src window, w, h int, by Interpolation) *Image {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	dst := NewImage(w, h)
	out := window{dst.Pix, 3 * w, w, h}
	switch {
	case w == src.w && h == src.h:
		for y := range h {
			copy(out.row(y), src.row(y))
		}
	case h == src.h:
		s.resizeRows(out, src, by)
	case w == src.w:
		s.resizeColumns(out, src, by)
	case src.h-h > max(0, 2*(src.w-w)):
		between := window{grow(&s.pix, 3*src.w*h), 3 * src.w, src.w, h}
		s.resizeColumns(between, src, by)
		s.resizeRows(out, between, by)
	default:
		between := window{grow(&s.pix, 3*w*src.h), 3 * w, w, src.h}
		s.resizeRows(between, src, by)
		s.resizeColumns(out, between, by)
	}
	return dst
}

// scratch is memory that one operation needs while it runs, reused by later ones.
type scratch struct {
	pix   []uint8   // the image between two passes
	sum   []int32   // one row of sums, of a resize
	acc   []uint32  // one row of running sums, of a box blur
	value []float64 // weights or levels before rounding
	taps  taps
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// grow returns n elements of *buf, without clearing them.
func grow[T any](buf *[]T, n int) []T {
	if cap(*buf) < n {
		*buf = make([]T, n)
	}
	*buf = (*buf)[:n]
	return *buf
}

// weightBits is the fixed-point precision of a weight: 32 bits minus 8 of the level and 2 of headroom for overshoot.
const weightBits = 32 - 8 - 2

const half = 1 << (weightBits - 1)

// clip returns a weighted sum of levels, whose half for rounding is already added, as a level.
func clip(sum int32) uint8 {
	sum >>= weightBits
	if uint32(sum) > 255 {
		return uint8(^sum >> 31) // 0 below the range, 255 above
	}
	return uint8(sum)
}

// resizeRows resizes every row of src from src.w to dst.w pixels. Bilinear and bicubic growth, with 2 and 4 weights,
// are most of the work on small images and have their own loops.
func (s *scratch) resizeRows(dst, src window, by Interpolation) {
	t := &s.taps
	t.fill(s, src.w, dst.w, by)
	for y := range dst.h {
		in, out := src.row(y), dst.row(y)
		switch t.n {
		case 2:
			t.row2(out, in)
		case 4:
			t.row4(out, in)
		default:
			t.row(out, in)
		}
	}
}

// row applies any number of weights.
func (t *taps) row(out, in []uint8) {
	for x, first := range t.first {
		r, g, b := int32(half), int32(half), int32(half)
		p := in[3*first : 3*(first+t.n)]
		for _, k := range t.weight[x*t.n : (x+1)*t.n] {
			if len(p) < 3 { // never; it spares the bounds checks
				break
			}
			r += int32(p[0]) * k
			g += int32(p[1]) * k
			b += int32(p[2]) * k
			p = p[3:]
		}
		q := out[3*x : 3*x+3 : 3*x+3]
		q[0], q[1], q[2] = clip(r), clip(g), clip(b)
	}
}

// row2 applies two weights.
func (t *taps) row2(out, in []uint8) {
	weight := t.weight[:2*len(t.first)]
	for x, first := range t.first {
		p, q := in[3*first:3*first+6:3*first+6], out[3*x:3*x+3:3*x+3]
		k0, k1 := weight[2*x], weight[2*x+1]
		q[0] = clip(half + int32(p[0])*k0 + int32(p[3])*k1)
		q[1] = clip(half + int32(p[1])*k0 + int32(p[4])*k1)
		q[2] = clip(half + int32(p[2])*k0 + int32(p[5])*k1)
	}
}

// row4 applies four weights.
func (t *taps) row4(out, in []uint8) {
	for x, first := range t.first {
		p, q, k := in[3*first:3*first+12:3*first+12], out[3*x:3*x+3:3*x+3], t.weight[4*x:4*x+4:4*x+4]
		q[0] = clip(half + int32(p[0])*k[0] + int32(p[3])*k[1] + int32(p[6])*k[2] + int32(p[9])*k[3])
		q[1] = clip(half + int32(p[1])*k[0] + int32(p[4])*k[1] + int32(p[7])*k[2] + int32(p[10])*k[3])
		q[2] = clip(half + int32(p[2])*k[0] + int32(p[5])*k[1] + int32(p[8])*k[2] + int32(p[11])*k[3])
	}
}

// resizeColumns resizes every column of src from src.h to dst.h pixels, four input rows at a time. Until the last of
// them, the sums wait in a row of their own.
func (s *scratch) resizeColumns(dst, src window, by Interpolation) {
	t := &s.taps
	t.fill(s, src.h, dst.h, by)
	sum := grow(&s.sum, 3*dst.w)
	for y, first := range t.first {
		weight := t.weight[y*t.n : (y+1)*t.n]
		for i := range sum {
			sum[i] = half
		}
		out := dst.row(y)[:len(sum)]
		for ; len(weight) > 4; weight, first = weight[4:], first+4 {
			a, b, c, d := src.row(first)[:len(sum)], src.row(first + 1)[:len(sum)], src.row(first + 2)[:len(sum)],
				src.row(first + 3)[:len(sum)]
			ka, kb, kc, kd := weight[0], weight[1], weight[2], weight[3]
			for i := range sum {
				sum[i] += int32(a[i])*ka + int32(b[i])*kb + int32(c[i])*kc + int32(d[i])*kd
			}
		}
		a, ka := src.row(first)[:len(sum)], weight[0]
		switch len(weight) {
		case 1:
			for i, v := range sum {
				out[i] = clip(v + int32(a[i])*ka)
			}
		case 2:
			b, kb := src.row(first + 1)[:len(sum)], weight[1]
			for i, v := range sum {
				out[i] = clip(v + int32(a[i])*ka + int32(b[i])*kb)
			}
		case 3:
			b, c, kb, kc := src.row(first + 1)[:len(sum)], src.row(first + 2)[:len(sum)], weight[1], weight[2]
			for i, v := range sum {
				out[i] = clip(v + int32(a[i])*ka + int32(b[i])*kb + int32(c[i])*kc)
			}
		default:
			b, c, d := src.row(first + 1)[:len(sum)], src.row(first + 2)[:len(sum)], src.row(first + 3)[:len(sum)]
			kb, kc, kd := weight[1], weight[2], weight[3]
			for i, v := range sum {
				out[i] = clip(v + int32(a[i])*ka + int32(b[i])*kb + int32(c[i])*kc + int32(d[i])*kd)
			}
		}
	}
}

// taps is the weights of a resize along one axis: output i is the sum over j of weight[i*n+j] * input[first[i]+j].
type taps struct {
	n      int
	first  []int
	weight []int32
}

// fill computes the weights for resizing in pixels to out pixels. Each output's weights are normalised in float64 and
// then rounded, half away from zero, to weightBits. All outputs get the same number of weights: near a border, where
// the filter is cut off, some are zero. The conversions of products forbid fused multiply-adds, whose last bit would
// differ.
func (t *taps) fill(s *scratch, in, out int, by Interpolation) {
	scale := float64(in) / float64(out)
	wide := max(scale, 1)
	support := by.support() * wide
	center := func(i int) float64 { return float64((float64(i) + 0.5) * scale) }
	reach := func(center float64) (from, to int) {
		return max(0, int(center-support+0.5)), min(in, int(center+support+0.5))
	}

	t.n = 0
	for i := range out {
		from, to := reach(center(i))
		t.n = max(t.n, to-from)
	}
	t.first = grow(&t.first, out)
	t.weight = grow(&t.weight, out*t.n)
	clear(t.weight)
	value := grow(&s.value, t.n)
	for i := range t.first {
		c := center(i)
		from, to := reach(c)
		total := 0.0
		for j := range to - from {
			value[j] = by.at(float64((float64(j+from) - c + 0.5) * (1 / wide)))
			total += value[j]
		}
		t.first[i] = min(from, in-t.n)
		weight := t.weight[i*t.n+from-t.first[i]:]
		for j, v := range value[:to-from] {
			weight[j] = fixed(v / total)
		}
	}
}

// fixed rounds a weight, half away from zero, to weightBits.
func fixed(v float64) int32 {
	v *= 1 << weightBits
	if v < 0 {
		return int32(v - 0.5)
	}
	return int32(v + 0.5)
}
