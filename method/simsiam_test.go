// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

// The predictor "bias" is one vector b that starts at 0, so p is z/‖z‖ at the start. The gradient of b is that of
// -cos(z/‖z‖ + b, z').
func TestSimSiamBias(t *testing.T) {
	m := vary(shrink(siamese(func(m *method.SimSiam) { m.Symmetric = false })), form("bias"))
	with(t, m, torch.F64, 6, func(b built) {
		if n := len(b.params.Sub("predictor").All()); n != 1 {
			t.Errorf("the predictor has %d tensors, want a vector alone", n)
			return
		}
		vector, _ := b.params.Get("predictor.0.offset.bias")
		s := b.step(0, 6, 1)
		z := m.Forward(s)
		first, second, p := rows(z[0]), rows(z[1]), rows(z[2])
		want := make([]float64, len(first[0]))
		for i := range first {
			length, other := math.Sqrt(dot(first[i], first[i])), math.Sqrt(dot(second[i], second[i]))
			cos := dot(first[i], second[i]) / length / other
			for j := range want {
				near(t, "p", p[i][j], first[i][j]/length, 1e-12)
				want[j] -= (second[i][j]/other - cos*first[i][j]/length) / float64(len(first)) // ‖p‖ is 1
			}
		}
		before := vector.Detach().Clone()
		o := optim.New(optim.SGD{}, b.params.Trainable())
		defer o.Free()
		b.train(o, 1, b.step(0, 6, 1))
		for j, moved := range vector.Sub(before).Float64s() {
			near(t, "the vector's step", moved, -0.05*want[j], 1e-9) // [built.train]'s rate
		}
	})
}

// With target_every k, the network of the last step that k divides gives the targets, without a gradient. With k = 1
// there is no separate target network.
func TestSimSiamAlternates(t *testing.T) {
	for _, c := range []struct{ every, steps, as int }{{1, 3, -1}, {2, 1, 0}, {2, 2, 2}, {2, 3, 2}, {10, 3, 0}} {
		m := shrink(siamese(func(m *method.SimSiam) { m.TargetEvery = c.every }))
		with(t, m, torch.F32, 8, func(b built) {
			o := optim.New(optim.SGD{}, b.params.Trainable())
			defer o.Free()
			target, were := b.params.Sub("target"), []map[string][]byte{parameters(b.params)}
			for at := range c.steps {
				s := b.step(at, 8, uint64(at))
				b.clearGradients()
				b.loss(s).Backward()
				o.Step(0.05, 0.05, nil)
				b.Method.(parallax.Updater).Update(s)
				were = append(were, parameters(b.params))
			}
			if (c.as < 0) != (len(target.All()) == 0) {
				t.Errorf("every %d steps: there are %d tensors of a target", c.every, len(target.All()))
			}
			for name, is := range parameters(target) {
				if !bytes.Equal(is, were[c.as][name]) {
					t.Errorf("every %d steps, after %d: target.%s is not the network's after %d",
						c.every, c.steps, name, c.as)
				}
			}
		})
	}
}
