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
		n, d := unit.Size(0), unit.Size(1)
		points = make([][2]float64, n)
		of, size := centred, n // the smaller Gram matrix: both have the same eigenvalues except zeros
		if d < n {
			of, size = centred.T(), d
		}
		gram := of.MatMul(of.T())
		var e mat.EigenSym
		if !e.Factorize(mat.NewSymDense(size, gram.Float64s()), true) {
			torch.Fail("Plane", "the eigenvectors of a %d x %d matrix did not converge", size, size)
		}
		var vectors, coordinates mat.Dense // in columns, that of the smallest eigenvalue first
		e.VectorsTo(&vectors)
		if d < n {
			coordinates.Mul(mat.NewDense(n, d, centred.Float64s()), &vectors)
		} else {
			lengths := e.Values(nil)
			for i, v := range lengths {
				lengths[i] = math.Sqrt(math.Max(0, v))
			}
			coordinates.Apply(func(_, of int, v float64) float64 { return v * lengths[of] }, &vectors)
		}
		for k := range min(2, size) {
			sign := 0.0
			for i := range points {
				v := coordinates.At(i, size-1-k)
				if sign == 0 && math.Abs(v) > 1e-12 {
					sign = math.Copysign(1, v)
				}
				points[i][k] = sign * v
			}
		}
	})
	return points
}
