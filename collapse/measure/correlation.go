// SPDX-License-Identifier: Apache-2.0

package measure

import "github.com/parallax-ssl/parallax/torch"

// constantShare is the standard deviation, relative to the largest one, up to which a dimension counts as constant.
// Below it, correlations would be those of rounding errors.
const constantShare = 1e-6

// correlation returns three numbers for centred rows (n x d): the covariance's energy off its diagonal, (1/d) Σ_{i≠j}
// Σ_ij²; the mean of |R_ij| over pairs of different dimensions that vary, 0 if fewer than two do; and the number of
// dimensions that do not vary.
func correlation(centred torch.Tensor) (energy, absolute float64, excluded int) {
	n, d := centred.Size(0), centred.Size(1)
	variance := centred.Square().Sum(0).Scale(1 / float64(n-1))
	deviation := variance.Sqrt()
	limit := constantShare * deviation.Max().Item()
	var varying []int
	for j, s := range deviation.Float64s() {
		if s > limit {
			varying = append(varying, j)
		}
	}
	// Dimensions that do not vary add at most 1e-12 of the rest to the energy.
	index := torch.FromInts(varying, len(varying))
	kept := centred.IndexSelect(1, index)
	covariance := kept.T().MatMul(kept).Scale(1 / float64(n-1)).OffDiagonal()
	energy = covariance.Square().Sum().Item() / float64(d)
	if len(varying) > 1 {
		kept = kept.Div(deviation.IndexSelect(0, index))
		pairs := float64(len(varying)) * float64(len(varying)-1)
		absolute = kept.T().MatMul(kept).OffDiagonal().Abs().Sum().Item() / float64(n-1) / pairs
	}
	return energy, absolute, d - len(varying)
}
