// SPDX-License-Identifier: Apache-2.0

package collapse

import (
	"math"

	"github.com/parallax-ssl/parallax/torch"
)

// Pull says what a loss does to the shape of an embedding, by the direction in which gradient descent moves its rows. Both
// numbers are cosines, in [-1, 1], and 0 where the direction does not exist or nothing moves.
type Pull struct {
	// Centre is with the direction that moves every row along the mean row. Above 0 the rows are drawn together into one point,
	// below 0 they are parted: de-centring.
	Centre float64
	// Spread is with the direction that stretches the rows where they are spread out already. Above 0 they are drawn onto fewer
	// directions, below 0 onto more: de-correlation.
	Spread float64
}

// PullOf splits a gradient as Zhang et al. 2022 do (arXiv:2203.16262, "How Does SimSiam Avoid Collapse Without Negative Samples?"),
// who find that what the predictor and the stop-gradient add to SimSiam's de-centres and de-correlates. gradient (n x d) is that
// of the loss by the l2-normalised rows ẑ of z (n x d). The directions are 1·mean(ẑ)ᵀ and Ẑ_c·Σ, of the centred rows and their
// covariance.
func PullOf(z, gradient torch.Tensor) Pull {
	var p Pull
	torch.NoGrad(func() {
		z, step := twoViews("PullOf", z, gradient.Neg())
		unit := z.Normalize(1)
		mean := unit.Mean(0).Unsqueeze(0)
		centred := unit.Sub(mean)
		covariance := centred.T().MatMul(centred).Scale(1 / float64(max(1, z.Size(0)-1)))
		p.Centre = cosine(step, mean.Expand(unit.Shape()...))
		p.Spread = cosine(step, centred.MatMul(covariance))
	})
	return p
}

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

// cosine is that of two tensors of one shape as vectors, 0 when one has no length.
func cosine(a, b torch.Tensor) float64 {
	size := a.Norm().Item() * b.Norm().Item()
	if size < math.SmallestNonzeroFloat32 {
		return 0
	}
	return a.Mul(b).Sum().Item() / size
}
