// SPDX-License-Identifier: Apache-2.0

package torch_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/torch"
)

// network has two layers that share nothing, with a step between them that mixes the views. Its parameters are Owned.
type network struct{ first, second, mixing torch.Tensor }

func drawn(r *rand.Rand, shape ...int) torch.Tensor {
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := make([]float64, n)
	for i := range values {
		values[i] = r.NormFloat64()
	}
	return torch.FromFloat64(values, shape...)
}

func newNetwork(r *rand.Rand) network {
	p := func(shape ...int) torch.Tensor { return drawn(r, shape...).RequireGrad(true).Own() }
	return network{p(6, 5), p(4, 6), p(4)}
}

func (n network) all() []torch.Tensor { return []torch.Tensor{n.first, n.second, n.mixing} }

// loss passes two tensors through the first layer, mixes them, and passes what comes out through the second one. The
// mix is used twice: by the second layer and by the loss.
func (n network) loss(xs []torch.Tensor) torch.Tensor {
	h := torch.Each(xs, func(x torch.Tensor) torch.Tensor { return x.MatMul(n.first.T()).Normalize(1) })
	mix := []torch.Tensor{h[0].Add(h[1].Scale(0.3)), h[1].Mul(h[0])}
	p := torch.Each(mix, func(x torch.Tensor) torch.Tensor { return x.Square().MatMul(n.second.T()) })
	total := p[0].Mul(n.mixing).Sum().Add(mix[0].Square().Mean())
	return total.Add(p[1].Mul(p[0]).Sum()).Add(h[1].Sum().Scale(0.1))
}

// gradients returns the loss and the gradients of the network, and of an input, as a tape finds them.
func (n network) gradients(tape *torch.Tape, xs []torch.Tensor) (values []float64) {
	for _, p := range append(n.all(), xs[1]) {
		p.SetGrad(torch.Tensor{})
	}
	var loss torch.Tensor
	tape.Record(func() { loss = n.loss(xs) })
	tape.Backward(loss)
	values = append(values, loss.Item())
	for _, p := range append(n.all(), xs[1]) {
		values = append(values, p.Grad().Float64s()...)
	}
	return values
}

// Whatever the number of threads, and in chunks, too, the gradients are those of one graph.
func TestTapeGradients(t *testing.T) {
	in(t, func() {
		r := rand.New(rand.NewPCG(1, 2))
		n := newNetwork(r)
		defer torch.Free(n.all()...)
		xs := []torch.Tensor{drawn(r, 7, 5), drawn(r, 7, 5).RequireGrad(true)}
		want := n.gradients(nil, xs)
		var one []float64
		for _, threads := range []int{1, 2, 3, 8} {
			for _, rows := range []int{0, 1, 3, 7, 100} {
				tape := &torch.Tape{Threads: threads, Rows: rows, Of: n.all()}
				for range 3 {
					got := n.gradients(tape, xs)
					for i := range want {
						if d := got[i] - want[i]; d > 1e-12 || d < -1e-12 {
							t.Fatalf("%d threads, %d rows: value %d is %v, want %v", threads, rows, i, got[i], want[i])
						}
					}
					if rows == 0 {
						if one == nil {
							one = got
						}
						if !slices.Equal(got, one) {
							t.Fatalf("%d threads: not the bits of one", threads)
						}
					}
				}
			}
		}
	})
}

// What does not need a gradient gets none, and what was not reached stays without.
func TestTapeWithoutGradients(t *testing.T) {
	in(t, func() {
		r := rand.New(rand.NewPCG(3, 4))
		n := newNetwork(r)
		defer torch.Free(n.all()...)
		xs := []torch.Tensor{drawn(r, 3, 5), drawn(r, 3, 5)}
		for _, rows := range []int{0, 2} {
			tape := &torch.Tape{Threads: 2, Rows: rows, Of: n.all()}
			var loss torch.Tensor
			tape.Record(func() {
				once := func(x torch.Tensor) torch.Tensor { return x.MatMul(n.first.T()) }
				h := torch.Each(xs, once)
				torch.NoGrad(func() {
					if torch.Each(xs, once)[0].RequiresGrad() {
						t.Error("without gradients a piece has one")
					}
				})
				if rows == 0 && torch.Each(xs, torch.Tensor.Detach)[0].RequiresGrad() {
					t.Error("a detached piece has a gradient")
				}
				loss = h[0].Sum()
			})
			tape.Backward(loss)
			if !n.first.Grad().Defined() || n.second.Grad().Defined() {
				t.Errorf("%d rows: a gradient in the wrong place", rows)
			}
			n.first.SetGrad(torch.Tensor{})
		}
	})
}

// Later calls come once for every piece, in their order, and not when a piece is computed again.
func TestLater(t *testing.T) {
	in(t, func() {
		w := torch.Ones(torch.F64, 1).RequireGrad(true)
		for _, threads := range []int{1, 3} {
			for _, rows := range []int{0, 1} {
				var seen []float64
				tape := &torch.Tape{Threads: threads, Rows: rows, Of: []torch.Tensor{w}}
				var loss torch.Tensor
				tape.Record(func() {
					var xs []torch.Tensor
					for i := range 9 {
						xs = append(xs, torch.Full(float64(i), torch.F64, 1))
					}
					out := torch.Each(xs, func(x torch.Tensor) torch.Tensor {
						y := x.Mul(w)
						torch.Later(func() { seen = append(seen, y.Item()) })
						return y
					})
					loss = torch.Cat(0, out...).Sum()
				})
				tape.Backward(loss)
				if fmt.Sprint(seen) != "[0 1 2 3 4 5 6 7 8]" {
					t.Errorf("%d threads, %d rows: %v", threads, rows, seen)
				}
				w.SetGrad(torch.Tensor{})
			}
		}
		called := false
		if torch.Later(func() { called = true }); !called {
			t.Error("outside of a piece, Later waits")
		}
	})
}

// Autocast and its absence hold in the other threads, and for pieces that are computed again.
func TestTapeAutocast(t *testing.T) {
	in(t, func() {
		r := rand.New(rand.NewPCG(5, 6))
		w := drawn(r, 4, 4).To(torch.F32).Detach().RequireGrad(true)
		xs := []torch.Tensor{drawn(r, 4, 4).To(torch.F32), drawn(r, 4, 4).To(torch.F32)}
		for _, rows := range []int{0, 2} {
			for _, on := range []bool{true, false} {
				tape := &torch.Tape{Threads: 2, Rows: rows, Of: []torch.Tensor{w}}
				var loss torch.Tensor
				torch.Autocast(on, func() {
					tape.Record(func() {
						out := torch.Each(xs, func(x torch.Tensor) torch.Tensor {
							y := torch.Linear(x, w, torch.Tensor{})
							if (y.DType() == torch.BF16) != on {
								torch.Fail("test", "autocast %v: the product is %v", on, y.DType())
							}
							return y
						})
						loss = out[0].To(torch.F32).Sum().Add(out[1].To(torch.F32).Sum())
					})
				})
				tape.Backward(loss)
				if !w.Grad().Defined() || w.Grad().DType() != torch.F32 {
					t.Errorf("autocast %v, %d rows: no gradient in float32", on, rows)
				}
				w.SetGrad(torch.Tensor{})
			}
		}
	})
}

// A failure in a piece is the failure of the scope, and leaves no tensor behind.
func TestTapeFails(t *testing.T) {
	for _, rows := range []int{0, 1} {
		var before int
		in(t, func() { before = torch.Live() })
		err := torch.Scope(func() error {
			w := torch.Ones(torch.F64, 2, 2).RequireGrad(true)
			tape := &torch.Tape{Threads: 2, Rows: rows, Of: []torch.Tensor{w}}
			defer tape.Free()
			tape.Record(func() {
				product := func(x torch.Tensor) torch.Tensor { return x.MatMul(w) }
				torch.Each([]torch.Tensor{w.Scale(1), w.Scale(2)}, product)
				torch.Each([]torch.Tensor{torch.Ones(torch.F64, 2, 2), torch.Ones(torch.F64, 2, 3)}, product)
			})
			return nil
		})
		var failed *torch.Error
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), "MatMul") {
			t.Errorf("the error is %v", err)
		}
		in(t, func() {
			if n := torch.Live() - before; n != 0 {
				t.Errorf("%d rows: %d tensors are left", rows, n)
			}
		})
	}
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "a mistake") {
			t.Errorf("a panic in a piece became %v", p)
		}
	}()
	_ = torch.Scope(func() error {
		tape := &torch.Tape{Threads: 2}
		tape.Record(func() {
			torch.Each([]torch.Tensor{torch.Ones(torch.F64, 2), torch.Ones(torch.F64, 2)},
				func(torch.Tensor) torch.Tensor { panic("a mistake") })
		})
		return nil
	})
}

// Nothing is left of many steps.
func TestTapeLeavesNothing(t *testing.T) {
	in(t, func() {
		r := rand.New(rand.NewPCG(7, 8))
		n := newNetwork(r)
		defer torch.Free(n.all()...)
		xs := []torch.Tensor{drawn(r, 4, 5), drawn(r, 4, 5).RequireGrad(true)}
		before := 0
		for i := range 20 {
			tape := &torch.Tape{Threads: 1 + i%3, Rows: i % 4, Of: n.all()}
			err := torch.Scope(func() error { n.gradients(tape, xs); return nil })
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				before = torch.Live() // with the gradients
			}
			if got := torch.Live(); got != before {
				t.Fatalf("%d tensors after step %d, %d after the first", got, i, before)
			}
		}
	})
}

// The engine gives one tensor as the gradient of both weights: neither may take over its memory.
func TestTapeSharedGradient(t *testing.T) {
	in(t, func() {
		w := []torch.Tensor{
			torch.Zeros(torch.F32, 3).RequireGrad(true), torch.Zeros(torch.F32, 3).RequireGrad(true),
		}
		tape := &torch.Tape{Threads: 2, Of: w}
		xs := []torch.Tensor{torch.Ones(torch.F32, 3), torch.Full(2, torch.F32, 3), torch.Full(4, torch.F32, 3)}
		var ys []torch.Tensor
		tape.Record(func() {
			ys = torch.Each(xs, func(x torch.Tensor) torch.Tensor { return w[0].Add(w[1]).Mul(x) })
		})
		tape.Backward(ys[0].Add(ys[1]).Add(ys[2]).Sum())
		for i := range w {
			if got := w[i].Grad().Float32s(); !slices.Equal(got, []float32{7, 7, 7}) {
				t.Errorf("the gradient of weight %d is %v, want 7s", i, got)
			}
		}
		w[0].Grad().ScaleInto(0)
		if got := w[1].Grad().Float32s(); !slices.Equal(got, []float32{7, 7, 7}) {
			t.Errorf("the gradient of weight 1 changed with that of weight 0: %v", got)
		}
	})
}
