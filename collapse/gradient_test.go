// SPDX-License-Identifier: Apache-2.0

package collapse_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"parallax/collapse"
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
