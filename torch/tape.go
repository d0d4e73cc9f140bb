// SPDX-License-Identifier: Apache-2.0

package torch

// #include "trampoline.h"
import "C"

// A Tape computes the pieces of a forward pass, and later their gradients, each piece in one thread and several at a
// time. A piece is one call of the function given to [Each]: one view's way through a network, say. Threads meet where
// the pieces of a call end, not after every operation. So a thread that another program slows down holds up the others
// rarely, and no sum depends on the number of threads.
//
// Every piece has a graph of its own: [Tape.Backward] gets the gradients of each apart and adds them up in the order
// of the pieces.
type Tape struct {
	Threads int // pieces at a time, at least 1
	// Rows bounds the rows of a piece: Each cuts longer tensors. Such pieces keep only what went in and what came out,
	// and compute the rest again for their gradient: a gradient cache (Gao et al., arXiv:2101.06983). 0: no bound.
	Rows int
	Of   []Tensor // the parameters, which get the gradients
	// Mode, unless it is nil, notes what the pieces depend on and what may have changed by Backward, such as whether
	// batch norm uses running statistics. What it returns runs f with that: pieces are computed again in it.
	Mode func() (again func(f func()))

	calls []call
}

// call is one call of Each.
type call struct {
	pieces []piece
	f      func(Tensor) Tensor // to compute the pieces again; nil if their graphs are kept
	bf16   bool                // autocast was on
	again  func(f func())      // see Tape.Mode
}

// piece is a part of the graph. On both sides it is cut off from the owner's graph.
type piece struct {
	in, inside   Tensor // what went in, with its history; the leaf that the piece saw instead
	outside, out Tensor // the leaf that the owner goes on with; what came out, undefined if f has to compute it again
}

// taping is the tape that records; only the owner changes it, while no lane runs.
var taping *Tape

// Record runs f. The tape then holds the calls of [Each] in it, in place of what it held. A nil tape records nothing.
func (t *Tape) Record(f func()) {
	if t == nil {
		f()
		return
	}
	t.Free()
	was := taping
	taping = t
	defer func() { taping = was }()
	f()
}

// Each returns f of every tensor. Outside of a recorded forward pass, and inside a piece, it calls f one after the
// other. f may be called in other threads, so it changes nothing but through [Later].
func Each(xs []Tensor, f func(Tensor) Tensor) []Tensor {
	if t := taping; t != nil && here() == lanes[0] {
		return t.each(xs, f)
	}
	out := make([]Tensor, len(xs))
	for i, x := range xs {
		out[i] = f(x)
	}
	return out
}

func (t *Tape) each(xs []Tensor, f func(Tensor) Tensor) []Tensor {
	cut, lengths := t.cut(xs)
	defer func() { taping = t }()
	taping = nil // what a piece calls is part of it
	out := make([]Tensor, len(cut))
	if !recorded() {
		inLanes(len(cut), t.Threads, false, func(i int) { out[i] = f(cut[i]) })
		return joined(out, lengths)
	}
	c := call{pieces: make([]piece, len(cut)), bf16: autocasts()}
	for i, x := range cut {
		c.pieces[i] = piece{in: x, inside: x}
		if x.RequiresGrad() {
			c.pieces[i].inside = x.Detach().RequireGrad(true)
		}
	}
	forward := func() {
		inLanes(len(cut), t.Threads, false, func(i int) { out[i] = f(c.pieces[i].inside) })
	}
	if t.Rows > 0 {
		if c.f = f; t.Mode != nil {
			c.again = t.Mode()
		}
		NoGrad(forward)
	} else {
		forward()
	}
	for i, p := range c.pieces {
		if c.f == nil && !out[i].RequiresGrad() {
			continue
		}
		p.outside = out[i].Detach().RequireGrad(true)
		if c.f == nil {
			p.out = out[i]
		}
		c.pieces[i], out[i] = p, p.outside
	}
	c.own()
	t.calls = append(t.calls, c)
	return joined(out, lengths)
}

// cut returns the tensors in pieces of at most Rows rows, and how many each has.
func (t *Tape) cut(xs []Tensor) (cut []Tensor, pieces []int) {
	for _, x := range xs {
		n, rows := x.Size(0), t.Rows
		if rows <= 0 || rows >= n {
			cut, pieces = append(cut, x), append(pieces, 1)
			continue
		}
		count := (n + rows - 1) / rows
		for i := range count {
			from := i * n / count
			cut = append(cut, x.Narrow(0, from, (i+1)*n/count-from))
		}
		pieces = append(pieces, count)
	}
	return cut, pieces
}

// joined undoes cut.
func joined(cut []Tensor, pieces []int) (xs []Tensor) {
	for _, n := range pieces {
		if n == 1 {
			xs = append(xs, cut[0])
		} else {
			xs = append(xs, Cat(0, cut[:n]...))
		}
		cut = cut[n:]
	}
	return xs
}

// own keeps what Backward needs after the scope of the forward pass has ended.
func (c *call) own() {
	for i := range c.pieces {
		p := &c.pieces[i]
		if !p.in.RequiresGrad() {
			p.in = Tensor{}
		}
		if !p.in.Defined() && c.f == nil {
			p.inside = Tensor{}
		}
		for _, kept := range []*Tensor{&p.in, &p.inside, &p.outside, &p.out} {
			*kept = kept.again().Own()
		}
	}
}

// Backward adds the gradient of the scalar loss to every parameter and every other leaf that it depends on. The tape is
// empty afterwards. With a nil tape it is loss.Backward.
func (t *Tape) Backward(loss Tensor) {
	if t == nil {
		loss.Backward()
		return
	}
	defer t.Free()
	backward([]Tensor{loss}, []Tensor{{}})
	for i := len(t.calls) - 1; i >= 0; i-- {
		c := &t.calls[i]
		Nested(func() {
			if c.again != nil {
				c.again(func() { t.through(c) })
			} else {
				t.through(c)
			}
		})
		c.free()
	}
}

// Free forgets what was recorded.
func (t *Tape) Free() {
	if t == nil {
		return
	}
	for i := range t.calls {
		t.calls[i].free()
	}
	t.calls = nil
}

func (c *call) free() {
	for _, p := range c.pieces {
		Free(p.in, p.inside, p.outside, p.out)
	}
	c.pieces = nil
}

// through takes the gradients that have reached what came out of the pieces back to the parameters, and to what went
// in. Pieces whose graphs are made again are done in turn, as many at a time as there are threads, for the memory.
func (t *Tape) through(c *call) {
	wave := len(c.pieces)
	if c.f != nil {
		wave = t.Threads
	}
	var in, gradients []Tensor
	for pieces := c.pieces; len(pieces) > 0; pieces = pieces[min(wave, len(pieces)):] {
		pieces := pieces[:min(wave, len(pieces))]
		Nested(func() {
			found := make([]Tensor, len(pieces))
			t.sums(len(pieces), func(sums C.int64_t) {
				inLanes(len(pieces), t.Threads, true, func(i int) { found[i] = c.gradient(&pieces[i], sums, i) })
			})
			for i, g := range found {
				if g.Defined() {
					in, gradients = append(in, pieces[i].in), append(gradients, g.Keep())
				}
			}
		})
	}
	if len(in) > 0 {
		backward(in, gradients)
	}
}

// sums runs f, in which the gradients of so many pieces are added to the parameters' own, in the order of the pieces.
func (t *Tape) sums(pieces int, f func(sums C.int64_t)) {
	of, n := handles(t.Of)
	sums := C.int64_t(integer("Backward", C.plx_sums_begin(of, n, C.int64_t(pieces))))
	defer func() { done("Backward", C.plx_sums_end(sums)) }()
	f(sums)
}

// gradient adds the gradients of piece i to sums and returns the gradient of what went in, if one is wanted.
func (c *call) gradient(p *piece, sums C.int64_t, i int) Tensor {
	if !p.outside.Defined() {
		return Tensor{}
	}
	from, out := p.outside.Grad(), p.out
	if !from.Defined() {
		return Tensor{}
	}
	if c.f != nil {
		Autocast(c.bf16, func() { out = c.f(p.inside) })
	}
	if !out.RequiresGrad() {
		return Tensor{}
	}
	var in Tensor
	if p.in.Defined() {
		in = p.inside
	}
	g := made("Backward", C.plx_sums_of(sums, C.int64_t(i), out.ref(), from.ref(), in.ref()))
	Free(p.out)
	p.out = Tensor{}
	return g
}

// backward adds the gradients of ts, each with its own, to every leaf they depend on. The graph stays.
func backward(ts, gradients []Tensor) {
	h, n := handles(ts)
	g, _ := handles(gradients)
	done("Backward", C.plx_backward_from(h, g, n))
}
