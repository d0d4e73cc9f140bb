// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/parallax-ssl/parallax/torch"
)

// blobs draws n rows of width d around one of three corners, far from the origin and in large units, with their labels;
// some labels are unknown.
func blobs(r *rand.Rand, n, d int) (torch.Tensor, []int) {
	v, labels := gaussian(r, n*d), someLabels(r, n, 3)
	for i := range v {
		v[i] = 100 + 20*v[i]
		if class := labels[i/d]; class >= 0 && i%d%3 == class {
			v[i] += 80
		}
	}
	return torch.FromFloat32(v, n, d), labels
}

func TestTheProbeLearns(t *testing.T) {
	in(t, func() {
		r := rng()
		probe := NewLinear(12, 3, 1)
		defer probe.Free()
		held, labels := blobs(r, 300, 12)
		if before := probe.Accuracy(held, labels); before > 0.7 {
			t.Errorf("untrained, it is right for %.2f", before)
		}
		for range 60 {
			h, labels := blobs(r, 64, 12)
			probe.Observe(h, labels)
		}
		if after := probe.Accuracy(held, labels); after < 0.99 {
			t.Errorf("trained, it is right for %.2f, want 0.99", after)
		}
		if got := probe.Accuracy(held, unknown(300)); !math.IsNaN(got) {
			t.Errorf("accuracy without labels is %g, want NaN", got)
		}
	})
}

func TestTheProbeLeavesTheEncoderAlone(t *testing.T) {
	in(t, func() {
		r := rng()
		w := torch.FromFloat32(gaussian(r, 16), 4, 4).RequireGrad(true)
		h, labels := blobs(r, 32, 4)
		h = h.MatMul(w)
		probe := NewLinear(4, 3, 1)
		defer probe.Free()
		probe.Observe(h, labels)
		if w.Grad().Defined() {
			t.Error("the encoder got a gradient")
		}
		h.Square().Sum().Backward()
		if !w.Grad().Defined() {
			t.Error("observing cut the encoder's own history")
		}
	})
}

// The step is the gradient of the mean cross-entropy, as autograd computes it.
func TestTheProbesGradient(t *testing.T) {
	in(t, func() {
		r := rng()
		h, _ := blobs(r, 9, 4)
		labels := []int{0, 1, 2, 0, 1, 2, 0, 1, 2}
		probe := NewLinear(4, 3, 1)
		defer probe.Free()
		w := probe.weight.Detach().Clone().RequireGrad(true)
		logits := torch.Linear(h.Standardize(0), w, probe.bias.Detach())
		logits.LogSoftmax(1).Gather(1, torch.FromInts(labels, 9, 1)).Mean().Neg().Backward()
		probe.Observe(h, labels)
		// After one step, Adam's first moment is a tenth of the gradient.
		got, want := probe.mean[0].Float64s(), w.Grad().Float64s()
		for i := range got {
			if math.Abs(10*got[i]-want[i]) > 1e-5 {
				t.Errorf("element %d of the gradient is %g, want %g", i, 10*got[i], want[i])
			}
		}
	})
}

func TestTheProbeResumesBitForBit(t *testing.T) {
	in(t, func() {
		r := rng()
		whole, half, resumed := NewLinear(5, 3, 1), NewLinear(5, 3, 1), NewLinear(5, 3, 2)
		defer whole.Free()
		defer resumed.Free()
		if !reflect.DeepEqual(whole.State(), half.State()) || reflect.DeepEqual(whole.State(), resumed.State()) {
			t.Error("the initial state is not a function of the seed")
		}
		for step := range 6 {
			h, labels := blobs(r, 16, 5)
			if step == 2 {
				labels = unknown(16) // no step
			}
			whole.Observe(h, labels)
			if step < 3 {
				half.Observe(h, labels)
				continue
			}
			if step == 3 {
				if err := resumed.Load(half.State()); err != nil {
					t.Error(err)
					return
				}
				half.Free()
			}
			resumed.Observe(h, labels)
		}
		if !reflect.DeepEqual(whole.State(), resumed.State()) {
			t.Error("3 steps + resume + 3 steps are not 6 steps")
		}
		if err := resumed.Load(whole.State()[1:]); err == nil {
			t.Error("a state that lacks a tensor was no error")
		}
		fails(t, "width 4 for a probe of width 5", func() { whole.Predict(torch.Zeros(torch.F32, 2, 4)) })
		fails(t, "not one of -1 ... 2", func() { whole.Observe(torch.Zeros(torch.F32, 2, 5), []int{0, 3}) })
		one := whole.State()
		whole.Observe(torch.Ones(torch.F32, 2, 5), []int{-1, 2})
		if !reflect.DeepEqual(one, whole.State()) {
			t.Error("a batch with one labelled row made a step")
		}
	})
}
