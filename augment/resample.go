// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"math"
	"sync"
)

// window is a rectangle of pixels inside a larger image.
type window struct {
	pix          []uint8 // begins at the first pixel
	stride, w, h int     // stride in bytes
}

func (s window) row(y int) []uint8 { return s.pix[y*s.stride:][: 3*s.w : 3*s.w] }

// part returns the pixels of src that lie in the columns x to x+w and the rows y to y+h.
func (s window) part(x, y, w, h int) window {
	return window{s.pix[y*s.stride+3*x:], s.stride, w, h}
}

// span is the pixels from to to of a row or column, without the last.
type span struct{ from, to int }

func (s span) len() int { return s.to - s.from }

// resample returns the columns x and rows y of src resized to w by h: Pillow's two passes, each rounded to 8 bits. Rows
// are shrunk first, unless columns shrink by more than twice as many pixels as rows do (Pillow 13's order). A pass that
// changes nothing is skipped. A pixel depends on few of its neighbours, so nothing else is computed: a thin image whose
// short side grows would become a thousand times as large.
func resample(src window, w, h int, x, y span, by Interpolation) *Image {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	dst := NewImage(x.len(), y.len())
	out := window{dst.Pix, 3 * dst.W, dst.W, dst.H}
	if dst.W == 0 || dst.H == 0 {
		return dst
	}
	rows, columns := &s.rows, &s.columns
	if w != src.w {
		rows.fill(s, src.w, w, x, by)
	}
	if h != src.h {
		columns.fill(s, src.h, h, y, by)
	}
	switch {
	case w == src.w && h == src.h:
		for i := range dst.H {
			copy(out.row(i), src.part(x.from, y.from, dst.W, dst.H).row(i))
		}
	case h == src.h:
		s.resizeRows(out, src.part(0, y.from, src.w, dst.H))
	case w == src.w:
		s.resizeColumns(out, src.part(x.from, 0, dst.W, src.h))
	case columnsFirst(src.w, src.h, w, h):
		need := rows.need()
		between := window{grow(&s.pix, 3*need.len()*dst.H), 3 * need.len(), need.len(), dst.H}
		s.resizeColumns(between, src.part(need.from, 0, need.len(), src.h))
		rows.move(-need.from)
		s.resizeRows(out, between)
	default:
		need := columns.need()
		between := window{grow(&s.pix, 3*dst.W*need.len()), 3 * dst.W, dst.W, need.len()}
		s.resizeRows(between, src.part(0, need.from, src.w, need.len()))
		columns.move(-need.from)
		s.resizeColumns(out, between)
	}
	if cap(s.pix) > keptScratch {
		s.pix = nil
	}
	return dst
}

// columnsFirst reports whether columns are resized before rows, from w0 by h0 pixels to w by h.
func columnsFirst(w0, h0, w, h int) bool { return h0-h > max(0, 2*(w0-w)) }

// keptScratch bounds the bytes between two passes that a worker keeps for its next image.
const keptScratch = 16 << 20

// scratch is memory that one operation needs while it runs, reused by later ones.
type scratch struct {
	pix   []uint8   // the image between two passes
	deep  []float32 // the same of a deep image
	sum   []int32   // one row of sums, of a resize
	acc   []uint32  // one row of running sums, of a box blur
	value []float64 // weights or levels before rounding

	rows, columns taps // of a resize
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

// resizeRows resizes every row of src to dst.w pixels with the weights s.rows. Bilinear and bicubic growth, with 2 and
// 4 weights, are most of the work on small images and have their own loops.
func (s *scratch) resizeRows(dst, src window) {
	t := &s.rows
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

// resizeColumns resizes every column of src to dst.h pixels with the weights s.columns, four input rows at a time.
// Until the last of them, the sums wait in a row of their own.
func (s *scratch) resizeColumns(dst, src window) {
	t := &s.columns
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

// taps is the weights of a resize along one axis: output i is the sum over j of weight[i*n+j] * input[first[i]+j]. The
// first output that is wanted has number 0.
type taps struct {
	n      int
	first  []int
	weight []int32
}

// need is the inputs that the outputs depend on.
func (t *taps) need() span {
	n := span{t.first[0], t.first[0]}
	for _, first := range t.first {
		n = span{min(n.from, first), max(n.to, first+t.n)}
	}
	return n
}

// move shifts the inputs by so many pixels.
func (t *taps) move(by int) {
	for i := range t.first {
		t.first[i] += by
	}
}

// fill computes the weights of the outputs in want, for resizing in pixels to out pixels. Each output's weights are
// normalised in float64 and then rounded, half away from zero, to weightBits. All outputs get the same number of
// weights: near a border, where the filter is cut off, some are zero. The conversions of products forbid fused
// multiply-adds, whose last bit would differ.
func (t *taps) fill(s *scratch, in, out int, want span, by Interpolation) {
	f := newFilter(in, out, want, by)
	t.n = f.most(want)
	t.first = grow(&t.first, want.len())
	t.weight = grow(&t.weight, want.len()*t.n)
	clear(t.weight)
	value := grow(&s.value, t.n)
	for i := range t.first {
		from, to, total := f.weights(i, value)
		t.first[i] = min(from, in-t.n)
		weight := t.weight[i*t.n+from-t.first[i]:]
		for j, v := range value[:to-from] {
			weight[j] = fixed(v / total)
		}
	}
}

// filter is a resize along one axis before its weights are rounded. The first output that is wanted has number 0.
type filter struct {
	in, from               int     // inputs; the first output that is wanted
	scale, narrow, support float64 // narrow is by how much the filter's argument shrinks
	cubic                  bool
}

func newFilter(in, out int, want span, by Interpolation) filter {
	scale := float64(in) / float64(out)
	wide := max(scale, 1)
	return filter{in, want.from, scale, 1 / wide, by.support() * wide, by == Bicubic}
}

// reach returns the centre of an output in the input, and the inputs that the filter reaches from there.
func (f *filter) reach(i int) (center float64, from, to int) {
	center = float64((float64(f.from+i) + 0.5) * f.scale)
	return center, max(0, int(center-f.support+0.5)), min(f.in, int(center+f.support+0.5))
}

// most is the largest number of weights of an output.
func (f *filter) most(want span) (n int) {
	for i := range want.len() {
		_, from, to := f.reach(i)
		n = max(n, to-from)
	}
	return n
}

// weights puts the weights of output i into value, those of the inputs from to before to, and returns their sum.
func (f *filter) weights(i int, value []float64) (from, to int, total float64) {
	center, from, to := f.reach(i)
	for j := range to - from {
		x := math.Abs(float64((float64(j+from) - center + 0.5) * f.narrow))
		if f.cubic {
			value[j] = cubic(x)
		} else {
			value[j] = max(0, 1-x)
		}
		total += value[j]
	}
	return from, to, total
}

// fixed rounds a weight, half away from zero, to weightBits.
func fixed(v float64) int32 {
	v *= 1 << weightBits
	if v < 0 {
		return int32(v - 0.5)
	}
	return int32(v + 0.5)
}
