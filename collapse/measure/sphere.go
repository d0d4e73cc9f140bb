// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/parallax-ssl/parallax/torch"
)

// PairRows is the largest number of rows of which all pairs are compared. The number of pairs grows with its square.
const PairRows = 2000

// pairBlock is how many rows are compared with the others at a time. What they make of [PairRows] rows stays in the
// processor's cache.
const pairBlock = 128

// Uniformity returns log E exp(-t·‖ẑ_i - ẑ_j‖²) over pairs of different l2-normalised rows of z (n x d): Wang & Isola
// 2020, arXiv:2005.10242, where t is 2. It lies in [-4t, 0]: 0 when the rows are one point, about -2t + 2t²/d when they
// are isotropic. If there are more than [PairRows] rows, it uses that many, evenly spaced. For one row it is 0.
func Uniformity(z torch.Tensor, t float64) float64 {
	uniformity := 0.0
	torch.NoGrad(func() {
		unit := spacedRows(rows("Uniformity", z).Normalize(1))
		n := unit.Size(0)
		if n == 1 {
			return
		}
		length := unit.Square().Sum(1).Unsqueeze(1) // 1, or 0 for a row of zeros
		kernel := func(from, rows, to, columns int) torch.Tensor {
			cosine := unit.Narrow(0, from, rows).MatMul(unit.Narrow(0, to, columns).T())
			distance := length.Narrow(0, from, rows).Add(length.Narrow(0, to, columns).T()).Sub(cosine.Scale(2))
			return distance.Clamp(0, math.Inf(1)).Scale(-t)
		}
		var sums []float64 // logarithms
		rowBlocks(n, pairBlock, func(from, rows int) {
			one := kernel(from, rows, from, rows).MaskedFill(torch.Eye(rows, torch.Bool), math.Inf(-1))
			sums = append(sums, one.LogSumExp(0, 1).Item())
			if behind := from + rows; behind < n { // these pairs count twice, once for each order
				sums = append(sums, kernel(from, rows, behind, n-behind).LogSumExp(0, 1).Item()+math.Ln2)
			}
		})
		uniformity = floats.LogSumExp(sums) - math.Log(float64(n)*float64(n-1))
	})
	return uniformity
}

// Alignment returns the mean of ‖ẑ_i - ẑ'_i‖² over the l2-normalised rows of z and other (both n x d), the embeddings
// of two views of the same images: Wang & Isola 2020, arXiv:2005.10242, with exponent 2. It is 2 - 2cos, in [0, 4], and
// 0 when both views agree.
func Alignment(z, other torch.Tensor) float64 {
	alignment := 0.0
	torch.NoGrad(func() { alignment = squaredDistances("Alignment", z, other).Mean().Item() })
	return alignment
}

// Alignments returns ‖ẑ_i - ẑ'_i‖² for each row i, whose mean is [Alignment].
func Alignments(z, other torch.Tensor) (all []float64) {
	torch.NoGrad(func() { all = squaredDistances("Alignments", z, other).Float64s() })
	return all
}

// squaredDistances returns ‖ẑ_i - ẑ'_i‖² for each row i.
func squaredDistances(op string, z, other torch.Tensor) torch.Tensor {
	a, b := twoViews(op, z, other)
	return a.Normalize(1).Sub(b.Normalize(1)).Square().Sum(1)
}

// twoViews returns two embeddings of the same images as float64 matrices.
func twoViews(op string, z, other torch.Tensor) (a, b torch.Tensor) {
	a, b = rows(op, z), rows(op, other)
	if a.Size(0) != b.Size(0) || a.Size(1) != b.Size(1) {
		torch.Fail(op, "embeddings of shapes %v and %v are not two views of the same images", a.Shape(), b.Shape())
	}
	return a, b
}

// spacedRows returns at most [PairRows] rows of z, evenly spaced.
func spacedRows(z torch.Tensor) torch.Tensor {
	n := z.Size(0)
	if n <= PairRows {
		return z
	}
	index := make([]int, PairRows)
	for i := range index {
		index[i] = i * n / PairRows
	}
	return z.IndexSelect(0, torch.FromInts(index, PairRows))
}
