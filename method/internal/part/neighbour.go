// SPDX-License-Identifier: Apache-2.0

package part

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// nearest returns nn(z, Q) of NNCLR: for every row of z the row of bank, K x d of length 1, with the highest cosine. No
// gradient passes.
func nearest(z, bank torch.Tensor) torch.Tensor {
	return bank.IndexSelect(0, Unit(z.Detach()).MatMul(bank.T()).ArgMax(1))
}

// Neighbour returns the positive that replaces z, of length 1: nn(z, Q), or z itself without search. No gradient passes
// through either.
func Neighbour(z torch.Tensor, queue *nn.Queue, search bool) torch.Tensor {
	if !search {
		return Unit(z.Detach())
	}
	return nearest(z, queue.Rows())
}

// Offer offers z of the whole batch to the queue, of the first view or of all views.
func Offer(s *parallax.Step, queue *nn.Queue, z []torch.Tensor, all bool) {
	if !all {
		z = z[:1]
	}
	queue.Offer(torch.Cat(0, Gather(s, z)...))
}
