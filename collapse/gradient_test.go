// SPDX-License-Identifier: Apache-2.0

package collapse_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/torch"
)

// Losses that do one thing: ‖mean ẑ‖² has the gradient mean ẑ in every row, ‖Σ‖² has Ẑ_c·Σ (both up to a factor), and drawing
// each row to its other view has -ẑ', which draws all rows together when they have a mean.
func TestPullOfLossesThatDoOneThing(t *testing.T) {
	const n, d = 200, 6
	r := rand.New(rand.NewPCG(3, 4))
	v := gaussian(r, n, d, 3, 2, 1, 1, 0.5, 0.2)
	for i := range v {
		if i%d == 5 {
			v[i]++ // so that the rows have a mean
		}
	}
	in(t, func() {
		z := matrix(v, d)
		unit := z.Normalize(1)
		mean := unit.Scale(0).Add(unit.Mean(0).Unsqueeze(0))
		centred := unit.Sub(mean)
		spread := centred.MatMul(centred.T().MatMul(centred))

		part := collapse.PullOf(z, mean.Scale(7)) // the loss falls when the mean gets shorter
		near(t, "centre of a loss that parts", part.Centre, -1, 1e-12)
		near(t, "spread of a loss that parts", part.Spread, 0, 1e-12)
		even := collapse.PullOf(z.Scale(1e6), spread.Scale(1e-3))
		near(t, "centre of a loss that de-correlates", even.Centre, 0, 1e-12)
		near(t, "spread of a loss that de-correlates", even.Spread, -1, 1e-12)
		both := collapse.PullOf(z, mean.Scale(1/mean.Norm().Item()).Add(spread.Scale(1/spread.Norm().Item())).Neg())
		near(t, "centre of a loss that collapses, both ways", both.Centre, math.Sqrt(0.5), 1e-12)
		near(t, "spread of a loss that collapses, both ways", both.Spread, math.Sqrt(0.5), 1e-12)
		together := collapse.PullOf(z, unit.Neg())
		between(t, "centre of attraction alone", together.Centre, 0.1, 1)
		if still := collapse.PullOf(z, z.Scale(0)); still != (collapse.Pull{}) {
			t.Errorf("a gradient of 0 pulls by %+v", still)
		}
	})
}

// Without a predictor both sides have the same share of the gradient, a predictor that halves rows changes nothing, for only
// directions count, and one that leaves few directions lets little through. Against differences in one number.
func TestGradientRatio(t *testing.T) {
	const n, d = 50, 8
	r := rand.New(rand.NewPCG(5, 6))
	in(t, func() {
		z, other := matrix(gaussian(r, n, d), d).Normalize(1), matrix(gaussian(r, n, d), d).Normalize(1)
		same := func(z torch.Tensor) torch.Tensor { return z }
		near(t, "without a predictor", collapse.GradientRatio(same, z, other), 1, 1e-12)
		near(t, "with a shorter row", collapse.GradientRatio(func(z torch.Tensor) torch.Tensor { return z.Scale(0.5) }, z, other), 1, 1e-12)
		near(t, "where z is twice as long", collapse.GradientRatio(same, z.Scale(2), other), 2, 1e-12)
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
		near(t, "by differences", collapse.GradientRatio(predict, z, other), math.Sqrt(squares[1]/squares[0]), 1e-6)
		if got := collapse.GradientRatio(func(z torch.Tensor) torch.Tensor { return z.Scale(0).Add(w.Narrow(0, 0, 1)) }, z, other); !math.IsNaN(got) {
			t.Errorf("of a constant prediction it is %v", got)
		}
	})
}
