// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"slices"
	"testing"

	"parallax"
	"parallax/method"
	"parallax/torch"
)

// With more than two views, every ordered pair of views is one direction; without symmetry, only those with i < j.
func TestDirectionsOfThreeViews(t *testing.T) {
	in(t, func() {
		z := normals(4, 6, 5, 4) // z₁, z₂, z₃, p₁, p₂, p₃
		meanCosine := func(a, b torch.Tensor) float64 {
			x, y, total := rows(a), rows(b), 0.0
			for i := range x {
				total += cosineOf(x[i], y[i])
			}
			return total / float64(len(x))
		}
		forward := meanCosine(z[3], z[1]) + meanCosine(z[3], z[2]) + meanCosine(z[4], z[2])
		back := meanCosine(z[4], z[0]) + meanCosine(z[5], z[0]) + meanCosine(z[5], z[1])
		for what, c := range map[string]struct {
			method parallax.Method
			want   float64
		}{
			"SimSiam":                {siamese(func(m *method.SimSiam) {}), -(forward + back) / 6},
			"SimSiam, one direction": {siamese(func(m *method.SimSiam) { m.Symmetric = false }), -forward / 3},
			"BYOL":                   {&method.BYOL{Symmetric: true}, 4 - 4*(forward+back)/6},
			"BYOL, one direction":    {&method.BYOL{}, 2 - 2*forward/3},
		} {
			near(t, what, c.method.Loss(parallax.NewStep(0, 1), slices.Clone(z)).Item(), c.want, 1e-12)
		}
	})
}

// Without negatives the positives' mean cosine over the temperature is left: SimSiam without predictor and stop-gradient.
func TestSimCLRWithoutNegatives(t *testing.T) {
	in(t, func() {
		z := normals(5, 3, 5, 4)
		siam := siamese(func(*method.SimSiam) {}).Loss(parallax.NewStep(0, 1), slices.Concat(z, z)).Item()
		got := (&method.SimCLR{Temperature: 0.2}).Loss(parallax.NewStep(0, 1), z).Item()
		near(t, "the loss", got, siam/0.2, 1e-12)
	})
}
