// SPDX-License-Identifier: Apache-2.0

package method

import (
	"math"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/torch"
)

// contrast is what the losses over all pairs of a batch's views share: SimCLR, SupCon, DCL. Its matrices are VN x VN, the N
// rows of the first view before those of the second; the masks are true for the pairs they name.
type contrast struct {
	views     []torch.Tensor // unit vectors, N x d each
	logits    torch.Tensor   // cos(zᵢ,zₖ)/τ
	others    torch.Tensor   // k ≠ i
	positives torch.Tensor   // k ≠ i is a view of i's image
	negatives torch.Tensor   // k is a view of another image
}

// newContrast compares all views of the whole batch with one another.
func newContrast(s *parallax.Step, z []torch.Tensor, temperature float64) contrast {
	views := parallax.Each(unit, gather(s, z))
	u, n := torch.Cat(0, views...), views[0].Size(0)
	image := torch.Cat(0, repeat(torch.Arange(n), len(z))...)
	same := image.Unsqueeze(1).Eq(image.Unsqueeze(0))
	others := torch.Eye(len(z)*n, torch.Bool).Not()
	return contrast{
		views:     views,
		logits:    u.MatMul(u.T()).Scale(1 / temperature),
		others:    others,
		positives: same.Minimum(others),
		negatives: same.Not(),
	}
}

// logSum returns log Σₖ exp(cos(zᵢ,zₖ)/τ) over the k that mask has for i, for every row i.
func (c contrast) logSum(mask torch.Tensor) torch.Tensor {
	return c.logits.MaskedFill(mask.Not(), math.Inf(-1)).LogSumExp(1)
}

// mean returns the mean of cos(zᵢ,zₖ)/τ over the k that mask has for i, for every row i.
func (c contrast) mean(mask torch.Tensor) torch.Tensor {
	return c.logits.MaskedFill(mask.Not(), 0).Sum(1).Div(mask.To(c.logits.DType()).Sum(1))
}
