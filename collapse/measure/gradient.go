// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"

	"github.com/parallax-ssl/parallax/torch"
)

// GradientRatio compares the gradient that a stop-gradient removes with the gradient that it leaves: ‖∂L/∂z'‖ / ‖∂L/∂z‖
// for L = -cos(p, z'), averaged over the rows of two views' embeddings z and z' (n x d each), with p = predict(z).
// Without a predictor it is 1 if z and z' have the same length. Above 1, most of the gradient would bypass the
// predictor on the side where Chen & He 2021 (arXiv:2011.10566) stop it. The ratio is NaN if no gradient is left. The
// parameters of predict get gradients, too; the caller must clear them.
func GradientRatio(predict func(z torch.Tensor) torch.Tensor, z, other torch.Tensor) float64 {
	online, stopped := z.Detach().RequireGrad(true), other.Detach().RequireGrad(true)
	predict(online).Normalize(1).Mul(stopped.Normalize(1)).Sum(1).Mean().Neg().Backward()
	left := online.Grad().Norm().Item()
	if left < math.SmallestNonzeroFloat32 {
		return math.NaN()
	}
	return stopped.Grad().Norm().Item() / left
}
