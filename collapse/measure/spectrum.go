// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"

	"github.com/parallax-ssl/parallax/torch"
)

// exactWidth is how many singular values are taken of the matrix itself. A decomposition of 2,000 x 2,048 costs some
// five times what the eigenvalues of the Gram matrix do.
const exactWidth = 512

// spectra returns the singular values, largest first, of the rows z less their mean and of z as it is. Up to [exactWidth] of
// them are those of the matrices. Of a wider matrix they are the roots of the Gram matrix's eigenvalues, on the smaller side,
// which are off by some 1e-8 of the largest one: what is smaller is noise.
func spectra(z, centred torch.Tensor) (of, uncentred []float64) {
	if min(z.Size(0), z.Size(1)) <= exactWidth {
		return centred.SVDVals().Float64s(), z.SVDVals().Float64s()
	}
	return gramValues(centred), gramValues(z)
}

// gramValues returns the singular values of z as the roots of its Gram matrix's eigenvalues.
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
