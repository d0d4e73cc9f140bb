// SPDX-License-Identifier: Apache-2.0

package augment

// deepWindow is a rectangle of pixels inside a larger deep image.
type deepWindow struct {
	pix             []float32 // begins at the first pixel
	stride, w, h, c int       // stride in values
}

func (s deepWindow) row(y int) []float32 { return s.pix[y*s.stride:][: s.c*s.w : s.c*s.w] }

// part returns the pixels of src that lie in the columns x to x+w and the rows y to y+h.
func (s deepWindow) part(x, y, w, h int) deepWindow {
	return deepWindow{s.pix[y*s.stride+s.c*x:], s.stride, w, h, s.c}
}

// resampleDeep is resample in float32: the same filters, without rounding or clipping between or after the passes.
func resampleDeep(src deepWindow, w, h int, x, y span, by Interpolation) *Image {
	dst := NewDeep(x.len(), y.len(), src.c)
	out := deepWindow{dst.Deep, src.c * dst.W, dst.W, dst.H, src.c}
	if dst.W == 0 || dst.H == 0 {
		return dst
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	switch {
	case w == src.w && h == src.h:
		for i := range dst.H {
			copy(out.row(i), src.part(x.from, y.from, dst.W, dst.H).row(i))
		}
	case h == src.h:
		newDeepTaps(src.w, w, x, by).rows(out, src.part(0, y.from, src.w, dst.H))
	case w == src.w:
		newDeepTaps(src.h, h, y, by).columns(out, src.part(x.from, 0, dst.W, src.h))
	default:
		rows, columns := newDeepTaps(src.w, w, x, by), newDeepTaps(src.h, h, y, by)
		need, height := rows.need(), columns.need()
		if need.len()*dst.H < dst.W*height.len() { // the pass that leaves fewer values comes first
			between := deepWindow{grow(&s.deep, src.c*need.len()*dst.H), src.c * need.len(), need.len(), dst.H, src.c}
			columns.columns(between, src.part(need.from, 0, need.len(), src.h))
			rows.move(-need.from)
			rows.rows(out, between)
		} else {
			between := deepWindow{grow(&s.deep, src.c*dst.W*height.len()), src.c * dst.W, dst.W, height.len(), src.c}
			rows.rows(between, src.part(0, height.from, src.w, height.len()))
			columns.move(-height.from)
			columns.columns(out, between)
		}
	}
	if cap(s.deep) > keptScratch/4 {
		s.deep = nil
	}
	return dst
}

// deepTaps is taps with weights in float32.
type deepTaps struct {
	n      int
	first  []int
	weight []float32
}

// newDeepTaps computes the weights of the outputs in want, for resizing in pixels to out pixels.
func newDeepTaps(in, out int, want span, by Interpolation) *deepTaps {
	f := newFilter(in, out, want, by)
	t := &deepTaps{n: f.most(want), first: make([]int, want.len())}
	t.weight = make([]float32, want.len()*t.n)
	value := make([]float64, t.n)
	for i := range t.first {
		from, to, total := f.weights(i, value)
		t.first[i] = min(from, in-t.n)
		weight := t.weight[i*t.n+from-t.first[i]:]
		for j, v := range value[:to-from] {
			weight[j] = float32(v / total)
		}
	}
	return t
}

// need is the inputs that the outputs depend on.
func (t *deepTaps) need() span {
	n := span{t.first[0], t.first[0]}
	for _, first := range t.first {
		n = span{min(n.from, first), max(n.to, first+t.n)}
	}
	return n
}

// move shifts the inputs by so many pixels.
func (t *deepTaps) move(by int) {
	for i := range t.first {
		t.first[i] += by
	}
}

// rows resizes every row of src to dst.w pixels.
func (t *deepTaps) rows(dst, src deepWindow) {
	c := src.c
	for y := range dst.h {
		in, out := src.row(y), dst.row(y)
		for x, first := range t.first {
			to := out[c*x : c*(x+1)]
			clear(to)
			for k, w := range t.weight[x*t.n : (x+1)*t.n] {
				from := in[c*(first+k):][:len(to)]
				for i := range to {
					to[i] += w * from[i]
				}
			}
		}
	}
}

// columns resizes every column of src to dst.h pixels.
func (t *deepTaps) columns(dst, src deepWindow) {
	for y, first := range t.first {
		out := dst.row(y)
		clear(out)
		for k, w := range t.weight[y*t.n : (y+1)*t.n] {
			if w == 0 {
				continue
			}
			in := src.row(first + k)[:len(out)]
			for i := range out {
				out[i] += w * in[i]
			}
		}
	}
}
