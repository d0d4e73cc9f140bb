// SPDX-License-Identifier: Apache-2.0

package part

import "github.com/parallax-ssl/parallax/torch"

// Hard returns one-hot codes: 1 at the largest entry of every row.
func Hard(codes torch.Tensor) torch.Tensor {
	return codes.ArgMax(1).Unsqueeze(1).Eq(torch.Arange(codes.Size(1)).Unsqueeze(0)).To(codes.DType())
}

// InUse returns how many of K classes the rows of probabilities, N x K, use: the exponential of the entropy of their
// mean, from 1, if all rows have the same class, to K.
func InUse(probabilities torch.Tensor) torch.Tensor {
	p := probabilities.Detach().Mean(0)
	return p.Clamp(1e-12, 1).Log().Mul(p).Sum().Neg().Exp()
}
