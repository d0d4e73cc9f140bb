// SPDX-License-Identifier: Apache-2.0

package measure_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/parallax-ssl/parallax/collapse/measure"
	"github.com/parallax-ssl/parallax/torch"
)

// Without a predictor both sides have the same gradient. A predictor that halves rows changes nothing, because only
// directions count. A predictor that leaves few directions passes little on. The gradients are compared with finite
// differences in one number.
func TestGradientRatio(t *testing.T) {
	const n, d = 50, 8
	r := rand.New(rand.NewPCG(5, 6))
	in(t, func() {
		z, other := matrix(gaussian(r, n, d), d).Normalize(1), matrix(gaussian(r, n, d), d).Normalize(1)
		same := func(z torch.Tensor) torch.Tensor { return z }
		near(t, "without a predictor", measure.GradientRatio(same, z, other), 1, 1e-12)
		near(t, "with a shorter row", measure.GradientRatio(func(z torch.Tensor) torch.Tensor { return z.Scale(0.5) },
			z, other), 1, 1e-12)
		near(t, "where z is twice as long", measure.GradientRatio(same, z.Scale(2), other), 2, 1e-12)
		w := matrix(gaussian(r, d, d), d)
		predict := func(z torch.Tensor) torch.Tensor { return z.MatMul(w) }
		loss := func(z, other torch.Tensor) float64 {
			return -predict(z).Normalize(1).Mul(other.Normalize(1)).Sum(1).Mean().Item()
		}
		var squares [2]float64
		const h = 1e-6
		for i := range n * d {
			at := make([]float64, n*d)
			at[i] = h
			step := matrix(at, d)
			online := (loss(z.Add(step), other) - loss(z.Sub(step), other)) / (2 * h)
			stopped := (loss(z, other.Add(step)) - loss(z, other.Sub(step))) / (2 * h)
			squares[0], squares[1] = squares[0]+online*online, squares[1]+stopped*stopped
		}
		near(t, "by differences", measure.GradientRatio(predict, z, other), math.Sqrt(squares[1]/squares[0]), 1e-6)
		if got := measure.GradientRatio(func(z torch.Tensor) torch.Tensor { return z.Scale(0).Add(w.Narrow(0, 0, 1)) },
			z, other); !math.IsNaN(got) {
			t.Errorf("of a constant prediction it is %v", got)
		}
	})
}
