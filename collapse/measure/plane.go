// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"
	"slices"

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
		vectors, values := eigen(centred.MatMul(centred.T()))
		for k := range min(2, len(values)) {
			length, sign := math.Sqrt(math.Max(0, values[k])), 0.0
			for i, v := range vectors[k] {
				if sign == 0 && math.Abs(v*length) > 1e-12 {
					sign = math.Copysign(1, v)
				}
				points[i][k] = sign * v * length
			}
		}
	})
	return points
}

// eigen returns the eigenvectors and eigenvalues of a symmetric matrix, largest first.
func eigen(m torch.Tensor) (vectors [][]float64, values []float64) {
	d := m.Size(0)
	var e mat.EigenSym
	if !e.Factorize(mat.NewSymDense(d, m.Float64s()), true) {
		torch.Fail("eigen", "the eigenvectors of a %d x %d matrix did not converge", d, d)
	}
	var v mat.Dense
	e.VectorsTo(&v)
	values = e.Values(nil) // smallest first
	slices.Reverse(values)
	vectors = make([][]float64, d)
	for k := range vectors {
		vectors[k] = mat.Col(nil, d-1-k, &v)
	}
	return vectors, values
}
