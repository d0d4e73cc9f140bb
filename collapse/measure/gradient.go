// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"

	"github.com/parallax-ssl/parallax/torch"
)

// GradientRatio is what a stop-gradient takes away over what it leaves: of L = -cos(p, z'), averaged over two views' embeddings
// z and z' (n x d each), with p = predict(z), it is ‖∂L/∂z'‖ / ‖∂L/∂z‖. Without a predictor it is 1 when z and z' are as long;
// above 1 most of the gradient would go where Chen & He 2021 (arXiv:2011.10566) stop it, past the predictor. It is NaN where no
// gradient is left. Parameters that predict has get a gradient, too, which is the caller's to clear.
func GradientRatio(predict func(z torch.Tensor) torch.Tensor, z, other torch.Tensor) float64 {
	online, stopped := z.Detach().RequireGrad(true), other.Detach().RequireGrad(true)
	predict(online).Normalize(1).Mul(stopped.Normalize(1)).Sum(1).Mean().Neg().Backward()
	left := online.Grad().Norm().Item()
	if left < math.SmallestNonzeroFloat32 {
		return math.NaN()
	}
	return stopped.Grad().Norm().Item() / left
}
