// SPDX-License-Identifier: Apache-2.0

package method

import "parallax/torch"

// cosine returns the mean over rows of p·z / (‖p‖ ‖z‖), for p and z of N x d.
func cosine(p, z torch.Tensor) torch.Tensor {
	return p.Normalize(1).Mul(z.Normalize(1)).Sum(1).Mean()
}

// mean returns the mean of scalars.
func mean(terms []torch.Tensor) torch.Tensor { return sum(terms).Scale(1 / float64(len(terms))) }

// sum returns the sum of scalars.
func sum(terms []torch.Tensor) torch.Tensor {
	total := terms[0]
	for _, t := range terms[1:] {
		total = total.Add(t)
	}
	return total
}
