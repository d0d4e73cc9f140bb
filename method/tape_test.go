// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// result is what a step leaves behind: its loss, every gradient and every buffer.
type result map[string][]float64

// taped makes a forward and a backward pass of a fresh copy of a method, on a tape unless it is nil.
func taped(t *testing.T, fresh func() parallax.Method, images int, training bool, tape *torch.Tape) result {
	t.Helper()
	got := result{}
	if err := torch.Scope(func() error {
		b := build(fresh(), torch.F64, images)
		defer b.params.Free()
		b.params.Fuse(true)
		b.params.Train(training)
		if tape != nil {
			tape.Of = nil
			for _, p := range b.params.Trainable() {
				tape.Of = append(tape.Of, p.Tensor)
			}
			defer tape.Free()
		}
		s := b.step(2, images, 5)
		var z []torch.Tensor
		tape.Record(func() { z = b.Forward(s) })
		loss := b.Loss(s, z)
		tape.Backward(loss)
		got["loss"] = loss.Float64s()
		for _, p := range b.params.All() {
			if p.Buffer {
				got[p.Name] = p.Tensor.To(torch.F64).Float64s()
			} else if g := p.Tensor.Grad(); g.Defined() {
				got["gradient of "+p.Name] = g.Float64s()
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

// equals compares results within tol of their largest value.
func (r result) equals(t *testing.T, want result, tol float64, how string) {
	t.Helper()
	if len(r) != len(want) || len(r) < 3 {
		t.Errorf("%s: %d results, want %d", how, len(r), len(want))
	}
	for name, values := range want {
		scale := 1.0
		for _, v := range values {
			scale = math.Max(scale, math.Abs(v))
		}
		for i, v := range values {
			if len(r[name]) != len(values) {
				t.Errorf("%s: there is no %s", how, name)
				break
			}
			if d := math.Abs(r[name][i] - v); !(d <= tol*scale) {
				t.Errorf("%s: %s[%d] is %v, want %v", how, name, i, r[name][i], v)
				break
			}
		}
	}
}

// Whatever the number of threads that compute views, a step has the gradients of one graph, and always the same bits.
func TestViewsInThreads(t *testing.T) {
	for _, s := range subjects() {
		if strings.Contains(s.name, "tuned") {
			continue // the first view changes the weights, so the config refuses this norm
		}
		t.Run(s.name, func(t *testing.T) {
			want := taped(t, s.new, 9, true, nil)
			one := taped(t, s.new, 9, true, &torch.Tape{Threads: 1})
			one.equals(t, want, 1e-9, "one thread")
			taped(t, s.new, 9, true, &torch.Tape{Threads: 3}).equals(t, one, 0, "three threads")
		})
	}
}

// A batch in chunks has the gradients of the whole batch. Batch norm uses its running statistics here: those of a chunk
// are others than those of the batch.
func TestGradientCache(t *testing.T) {
	for _, s := range subjects() {
		t.Run(s.name, func(t *testing.T) {
			fresh := func() parallax.Method {
				m := s.new()
				if w, ok := parallax.As[*method.WMSE](m); ok {
					w.Eps = 0.1 // without batch statistics few directions are left, and whitening would show rounding
				}
				return m
			}
			want := taped(t, fresh, 9, false, nil)
			for _, rows := range []int{2, 9, 100} {
				taped(t, fresh, 9, false, &torch.Tape{Threads: 2, Rows: rows}).equals(t, want, 1e-9, "in chunks")
			}
		})
	}
}

// Chunks are what groups of batch norm are: MoCo has such groups of its own.
func TestGradientCacheHasTheGroupsOfBatchNorm(t *testing.T) {
	grouped := func(groups int) func() parallax.Method {
		return func() parallax.Method {
			m := method.NewMoCoV2Plus()
			m.Projector = nn.MLP{Widths: []int{7, width}, BatchNorm: true}
			m.Queue, m.Groups = queueLength, groups
			return m
		}
	}
	want := taped(t, grouped(3), 9, true, nil)
	got := taped(t, grouped(1), 9, true, &torch.Tape{Threads: 2, Rows: 3})
	got.equals(t, want, 1e-9, "three chunks of three")
	if whole := taped(t, grouped(1), 9, true, nil); slices.Equal(whole["loss"], want["loss"]) {
		t.Error("the groups make no difference")
	}
}
