// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"

	"github.com/parallax-ssl/parallax/torch"
)

// exactWidth is the largest number of singular values that are computed from the matrix itself. For 2,000 x 2,048 that
// takes about five times as long as the eigenvalues of the Gram matrix.
const exactWidth = 512

// spectra returns the singular values, largest first, of the centred rows and of z. Up to [exactWidth] of them are
// computed from the matrices. Beyond that, they are the roots of the eigenvalues of the smaller Gram matrix. These have
// errors of about 1e-8 of the largest one: anything smaller is noise.
func spectra(z, centred torch.Tensor) (of, uncentred []float64) {
	if min(z.Size(0), z.Size(1)) <= exactWidth {
		return centred.SVDVals().Float64s(), z.SVDVals().Float64s()
	}
	return gramValues(centred), gramValues(z)
}

// gramValues returns the singular values of z, largest first, as the roots of its Gram matrix's eigenvalues.
func gramValues(z torch.Tensor) []float64 {
	gram := z.T()
	if z.Size(0) < z.Size(1) {
		gram = z
	}
	v := gram.MatMul(gram.T()).EigValsH().Float64s()
	out := make([]float64, len(v))
	for i, e := range v { // smallest first
		out[len(v)-1-i] = math.Sqrt(math.Max(e, 0))
	}
	return out
}
