// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// inTurn returns count recipes: the given ones, over and over.
func inTurn(count int, recipes ...augment.Recipe) []augment.Recipe {
	all := make([]augment.Recipe, count)
	for i := range all {
		all[i] = recipes[i%len(recipes)]
	}
	return all
}

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

// mean returns the mean of tensors of one shape.
func mean(terms []torch.Tensor) torch.Tensor { return sum(terms).Scale(1 / float64(len(terms))) }

// sum returns the sum of tensors of one shape.
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
	return mean(parallax.Each(nn.Func(f), z))
}

// gather returns the whole batch's rows of every view, in a slice of its own.
func gather(s *parallax.Step, z []torch.Tensor) []torch.Tensor {
	return parallax.Each(nn.Func(s.Gather), z)
}

// detached returns the tensors without gradient, in a slice of its own.
func detached(ts []torch.Tensor) []torch.Tensor {
	return parallax.Each(nn.Func(torch.Tensor.Detach), ts)
}

// repeat returns t n times.
func repeat(t torch.Tensor, n int) []torch.Tensor {
	ts := make([]torch.Tensor, n)
	for i := range ts {
		ts[i] = t
	}
	return ts
}
