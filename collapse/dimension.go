// SPDX-License-Identifier: Apache-2.0

package collapse

import (
	"math"

	"github.com/parallax-ssl/parallax/torch"
)

// coincident is the squared distance of two rows, relative to the sum of their squared lengths about the mean, that is no
// more than rounding.
const coincident = 1e-13

// LocalDimension returns the intrinsic dimension of the rows of z (n x d) around a row, by maximum likelihood from the
// distances r_1 ≤ ... ≤ r_k to its k nearest other rows: the inverse of the mean over rows and j < k of ln(r_k/r_j) (Levina &
// Bickel 2004, NIPS, equation 8; the mean over rows is taken before the inverse, after MacKay & Ghahramani's comment on that
// paper). k of 20 is usual. It sees collapse within
// neighbourhoods that leaves the global spectrum as it is: clusters that have each become a line.
//
// Rows that coincide with the one looked at are not neighbours of it, and rows with fewer than k neighbours are left out. 0
// when no row is left, as when all rows are equal. Of more than [PairRows] rows it takes that many, evenly spaced.
func LocalDimension(z torch.Tensor, k int) float64 {
	dimension := 0.0
	torch.NoGrad(func() {
		z := spacedRows(rows("LocalDimension", z))
		n := z.Size(0)
		if k < 2 {
			torch.Fail("LocalDimension", "%d neighbours have no ratio of distances: ask for at least 2, usually 20", k)
		}
		if n <= k {
			return
		}
		centred := z.Sub(z.MeanKeep(0))
		length := centred.Square().Sum(1)
		sum := length.Unsqueeze(0).Add(length.Unsqueeze(1))
		distance := sum.Sub(centred.MatMul(centred.T()).Scale(2))
		same := distance.Le(sum.Scale(coincident))
		distance = distance.MaskedFill(same, math.Inf(1)).MaskedFill(torch.Eye(n, torch.Bool), math.Inf(1))
		nearest, _ := distance.Neg().TopK(k, 1) // minus the squared distances, nearest first
		squares := nearest.Float64s()
		ratios, count := 0.0, 0
		for i := range n {
			far := -squares[i*k+k-1]
			if math.IsInf(far, 1) {
				continue
			}
			count++
			for j := range k - 1 {
				ratios += math.Log(far/-squares[i*k+j]) / 2
			}
		}
		if count > 0 && ratios > 0 {
			dimension = float64(count) * float64(k-1) / ratios
		}
	})
	return dimension
}
