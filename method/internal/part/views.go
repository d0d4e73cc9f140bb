// SPDX-License-Identifier: Apache-2.0

package part

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/torch"
)

// InTurn returns count recipes: the given ones in turn.
func InTurn(count int, recipes ...augment.Recipe) []augment.Recipe {
	all := make([]augment.Recipe, count)
	for i := range all {
		all[i] = recipes[i%len(recipes)]
	}
	return all
}

// Halves splits the result of a Forward that returns the targets of all views before the predictions from all views.
func Halves(z []torch.Tensor) (targets, predictions []torch.Tensor) {
	return z[:len(z)/2], z[len(z)/2:]
}

// Directions returns the mean of d(pᵢ, zⱼ) over all ordered pairs of different views i, j; if both is false, only over
// the pairs with i < j.
func Directions(p, z []torch.Tensor, both bool, d func(p, z torch.Tensor) torch.Tensor) torch.Tensor {
	var terms []torch.Tensor
	for i := range p {
		for j := range z {
			if i < j || both && i != j {
				terms = append(terms, d(p[i], z[j]))
			}
		}
	}
	return Mean(terms)
}

// Mean returns the mean of tensors of one shape.
func Mean(terms []torch.Tensor) torch.Tensor { return Sum(terms).Scale(1 / float64(len(terms))) }

// Sum returns the sum of tensors of one shape.
func Sum(terms []torch.Tensor) torch.Tensor {
	total := terms[0]
	for _, t := range terms[1:] {
		total = total.Add(t)
	}
	return total
}

// Pairwise returns the mean of f over all pairs of views.
func Pairwise(z []torch.Tensor, f func(a, b torch.Tensor) torch.Tensor) torch.Tensor {
	var terms []torch.Tensor
	for i := range z {
		for j := i + 1; j < len(z); j++ {
			terms = append(terms, f(z[i], z[j]))
		}
	}
	return Mean(terms)
}

// Over returns the mean of f over the views.
func Over(z []torch.Tensor, f func(torch.Tensor) torch.Tensor) torch.Tensor {
	return Mean(each(z, f))
}

// MeanRow returns the mean over the rows of the whole batch, 1 x K, without gradient. It exchanges one row, where the
// mean of gathered rows would exchange all.
func MeanRow(s *parallax.Step, own torch.Tensor) torch.Tensor {
	mean := own.Detach().MeanKeep(0)
	if s.Group == nil {
		return mean
	}
	s.Group.Sum(mean)
	return mean.Scale(1 / float64(s.Group.Processes()))
}

// Gather returns the rows of the whole batch for every view, in a new slice.
func Gather(s *parallax.Step, z []torch.Tensor) []torch.Tensor {
	return each(z, s.Gather)
}

// Detached returns the tensors without gradient, in a new slice.
func Detached(ts []torch.Tensor) []torch.Tensor {
	return each(ts, torch.Tensor.Detach)
}

// each returns f of every tensor.
func each(ts []torch.Tensor, f func(torch.Tensor) torch.Tensor) []torch.Tensor {
	out := make([]torch.Tensor, len(ts))
	for i, t := range ts {
		out[i] = f(t)
	}
	return out
}

// Repeat returns t n times.
func Repeat(t torch.Tensor, n int) []torch.Tensor {
	ts := make([]torch.Tensor, n)
	for i := range ts {
		ts[i] = t
	}
	return ts
}
