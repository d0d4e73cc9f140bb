// SPDX-License-Identifier: Apache-2.0

package part

import (
	"math"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/torch"
)

// Contrast is what the losses over all pairs of views in a batch share: SimCLR, SupCon, DCL. Its matrices are VN x VN,
// with the N rows of the first view before those of the second. A mask is true for the pairs that it names.
type Contrast struct {
	Views     []torch.Tensor // unit vectors, N x d each
	Logits    torch.Tensor   // cos(zᵢ,zₖ)/τ
	Others    torch.Tensor   // k ≠ i
	Positives torch.Tensor   // k ≠ i is a view of i's image
	Negatives torch.Tensor   // k is a view of another image
}

// NewContrast compares all views of the whole batch with each other.
func NewContrast(s *parallax.Step, z []torch.Tensor, temperature float64) Contrast {
	views := parallax.Each(Unit, Gather(s, z))
	u, n := torch.Cat(0, views...), views[0].Size(0)
	image := torch.Cat(0, Repeat(torch.Arange(n), len(z))...)
	same := image.Unsqueeze(1).Eq(image.Unsqueeze(0))
	others := torch.Eye(len(z)*n, torch.Bool).Not()
	return Contrast{
		Views:     views,
		Logits:    u.MatMul(u.T()).Scale(1 / temperature),
		Others:    others,
		Positives: same.Minimum(others),
		Negatives: same.Not(),
	}
}

// LogSum returns log Σₖ exp(cos(zᵢ,zₖ)/τ) for every row i, over the k for which mask is true.
func (c Contrast) LogSum(mask torch.Tensor) torch.Tensor {
	return c.Logits.MaskedFill(mask.Not(), math.Inf(-1)).LogSumExp(1)
}

// Mean returns the mean of cos(zᵢ,zₖ)/τ for every row i, over the k for which mask is true.
func (c Contrast) Mean(mask torch.Tensor) torch.Tensor {
	return c.Logits.MaskedFill(mask.Not(), 0).Sum(1).Div(mask.To(c.Logits.DType()).Sum(1))
}
