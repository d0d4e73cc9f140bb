// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// nearest returns, for every row of z, the row of bank (K x d, of length 1) with the highest cosine: nn(z, Q) of NNCLR. No
// gradient passes.
func nearest(z, bank torch.Tensor) torch.Tensor {
	return bank.IndexSelect(0, unit(z.Detach()).MatMul(bank.T()).ArgMax(1))
}

// neighbour returns what stands for z as a positive: nn(z, Q), or z itself where the search is off, of length 1. No gradient
// passes through either.
func neighbour(z torch.Tensor, queue *nn.Queue, search bool) torch.Tensor {
	if !search {
		return unit(z.Detach())
	}
	return nearest(z, queue.Rows())
}

// offer offers the whole batch's z of the first view, or of all views, to the queue.
func offer(s *parallax.Step, queue *nn.Queue, z []torch.Tensor, all bool) {
	if !all {
		z = z[:1]
	}
	queue.Offer(torch.Cat(0, gather(s, z)...))
}
