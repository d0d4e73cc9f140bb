// SPDX-License-Identifier: Apache-2.0

package method

import "github.com/parallax-ssl/parallax/torch"

// Sinkhorn returns the codes of scores, both B samples x K prototypes: the distribution closest to exp(scores/epsilon) in
// which every prototype has the same share of the samples, after so many iterations of Sinkhorn and Knopp (Cuturi 2013; SwAV,
// section 3.1 and its listing). An iteration first gives every prototype the share 1/K, then every sample the share 1/B, so
// that it ends with codes that sum to 1 each. The factors 1/K, 1/B and B of the listing cancel.
//
// It works on logarithms, with the largest one subtracted before any exponential: where the listing's exp(scores/epsilon)
// overflows or becomes 0, this does not. At least one iteration is needed.
func Sinkhorn(scores torch.Tensor, epsilon float64, iterations int) torch.Tensor {
	q := scores.Scale(1 / epsilon)
	for range iterations {
		q = q.Sub(q.LogSumExp(0).Unsqueeze(0)) // of every prototype over the samples
		q = q.Sub(q.LogSumExp(1).Unsqueeze(1)) // of every sample over the prototypes
	}
	return q.Exp()
}

// hard returns one-hot codes: 1 at the largest entry of every row.
func hard(codes torch.Tensor) torch.Tensor {
	return codes.ArgMax(1).Unsqueeze(1).Eq(torch.Arange(codes.Size(1)).Unsqueeze(0)).To(codes.DType())
}

// inUse returns how many of K classes the rows of probabilities use: the exponential of the entropy of their mean, from 1,
// when all rows have the same class, to K.
func inUse(probabilities torch.Tensor) torch.Tensor {
	p := probabilities.Detach().Mean(0)
	return p.Clamp(1e-12, 1).Log().Mul(p).Sum().Neg().Exp()
}
