// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/torch"
)

// LiDARFloor is LiDAR's δ, which is added to the variance within images.
const LiDARFloor = 1e-4

// LiDAR returns the effective rank of the directions that tell images apart better than views of one image (Thilak et
// al. 2023, arXiv:2312.04000). views holds q embeddings (n x d each, at least two), in which row i is a view of image
// i.
//
// Σ_b is the covariance of the images' means. Σ_w is the mean covariance of the views of an image, plus [LiDARFloor]
// times I. The result is exp of the entropy of the eigenvalues (not of their roots, as in RankMe) of Σ_w^-½ Σ_b Σ_w^-½.
// It lies in [1, min(n-1, d)], and is 0 when all images have the same mean.
//
// Other ranks count the noise that augmentation adds to every image; LiDAR does not. The floor makes it depend on the
// scale of z. If z is so large that the floor is lost in rounding and Σ_w is not positive definite, the result is NaN.
// Pass some hundreds of images and ten views; the evaluations of a run have two views.
func LiDAR(views []torch.Tensor) float64 {
	rank := 0.0
	torch.NoGrad(func() {
		if len(views) < 2 {
			torch.Fail("LiDAR", "%d views of an image have no variance: pass at least two", len(views))
		}
		v := make([]torch.Tensor, len(views))
		for i := range views {
			_, v[i] = twoViews("LiDAR", views[0], views[i])
		}
		n, d, q := v[0].Size(0), v[0].Size(1), len(v)
		if n == 1 {
			return
		}
		mean := v[0]
		for _, z := range v[1:] {
			mean = mean.Add(z)
		}
		mean = mean.Scale(1 / float64(q))
		within := torch.Eye(d, torch.F64).Scale(LiDARFloor)
		for _, z := range v {
			off := z.Sub(mean)
			within = within.Add(off.T().MatMul(off).Scale(1 / (float64(n) * float64(q-1))))
		}
		centred := mean.Sub(mean.MeanKeep(0))
		if centred.Norm().Item() <= roundOff*mean.Norm().Item() {
			return
		}
		// With Σ_w = LLᵀ, they are the eigenvalues of L⁻¹ Σ_b L⁻ᵀ: the squared singular values of L⁻¹ centredᵀ.
		factor, ok := within.Cholesky()
		if !ok {
			rank = math.NaN()
			return
		}
		whitened := factor.SolveTriangular(centred.T(), false)
		values := gramValues(whitened)
		for i, s := range values {
			values[i] = s * s
		}
		rank = collapse.EntropyRank(values, collapse.RankEpsilon)
	})
	return rank
}
