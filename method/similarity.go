// SPDX-License-Identifier: Apache-2.0

package method

import (
	"math"

	"parallax"
	"parallax/nn"
	"parallax/torch"
)

// cosine returns the mean over rows of p·z / (‖p‖ ‖z‖), for p and z of N x d.
func cosine(p, z torch.Tensor) torch.Tensor {
	return p.Normalize(1).Mul(z.Normalize(1)).Sum(1).Mean()
}

// unit divides every row by its l2 norm.
var unit = nn.Func(func(z torch.Tensor) torch.Tensor { return z.Normalize(1) })

// halves takes apart what a Forward returns that has the targets of all views before the predictions from all views.
func halves(z []torch.Tensor) (targets, predictions []torch.Tensor) {
	return z[:len(z)/2], z[len(z)/2:]
}

// directions returns the mean of d(pᵢ, zⱼ) over all ordered pairs of different views; when both is false, over the pairs
// with i < j.
func directions(p, z []torch.Tensor, both bool, d func(p, z torch.Tensor) torch.Tensor) torch.Tensor {
	var terms []torch.Tensor
	for i := range p {
		for j := range z {
			if i < j || both && i != j {
				terms = append(terms, d(p[i], z[j]))
			}
		}
	}
	return mean(terms)
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

// pairwise returns the mean of f over all pairs of views; with two views it is f of them.
func pairwise(z []torch.Tensor, f func(a, b torch.Tensor) torch.Tensor) torch.Tensor {
	var terms []torch.Tensor
	for i := range z {
		for j := i + 1; j < len(z); j++ {
			terms = append(terms, f(z[i], z[j]))
		}
	}
	return mean(terms)
}

// over returns the mean of f over the views.
func over(z []torch.Tensor, f func(torch.Tensor) torch.Tensor) torch.Tensor {
	terms := make([]torch.Tensor, len(z))
	for i := range z {
		terms[i] = f(z[i])
	}
	return mean(terms)
}

// gather returns the whole batch's rows of every view, in a slice of its own.
func gather(s *parallax.Step, z []torch.Tensor) []torch.Tensor {
	all := make([]torch.Tensor, len(z))
	for i := range z {
		all[i] = s.Gather(z[i])
	}
	return all
}

// entropyOf returns -q·log p element by element, 0 where q is, also for p = 0.
func entropyOf(q, p torch.Tensor) torch.Tensor {
	return q.Mul(p.Clamp(1e-30, math.Inf(1)).Log()).Neg()
}
