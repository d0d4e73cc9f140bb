// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/parallax-ssl/parallax/torch"
)

// Plane projects the l2-normalised rows of z (n x d, n of some hundreds) onto the two directions of their largest
// spread about their mean. These are principal components without rescaling, so an embedding that is one point looks
// like one point. Coordinates lie in [-2, 2]. The sign of each direction makes the first coordinate that is not 0
// positive.
func Plane(z torch.Tensor) [][2]float64 {
	var points [][2]float64
	torch.NoGrad(func() {
		unit := rows("Plane", z).Normalize(1)
		centred := unit.Sub(unit.MeanKeep(0))
		points = make([][2]float64, unit.Size(0))
		n := len(points)
		var e mat.EigenSym
		if !e.Factorize(mat.NewSymDense(n, centred.MatMul(centred.T()).Float64s()), true) {
			torch.Fail("Plane", "the eigenvectors of a %d x %d matrix did not converge", n, n)
		}
		var vectors mat.Dense
		e.VectorsTo(&vectors)
		values := e.Values(nil) // smallest first
		for k := range min(2, n) {
			of := n - 1 - k
			length, sign := math.Sqrt(math.Max(0, values[of])), 0.0
			for i := range points {
				v := vectors.At(i, of)
				if sign == 0 && math.Abs(v*length) > 1e-12 {
					sign = math.Copysign(1, v)
				}
				points[i][k] = sign * v * length
			}
		}
	})
	return points
}
