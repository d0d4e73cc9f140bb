// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"testing"

	"parallax/method"
	"parallax/optim"
	"parallax/torch"
)

// A bias as predictor is one vector, 0 at the start, so that p is z/‖z‖; its gradient is that of -cos(z/‖z‖ + b, z').
func TestSimSiamBias(t *testing.T) {
	m := shrink(siamese(func(m *method.SimSiam) { m.PredictorForm, m.Symmetric = "bias", false })).(*method.SimSiam)
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
