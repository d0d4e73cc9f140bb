// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/torch"
)

// leak is by how much more often a query finds its key among 1 + K in training than in evaluation mode, of the same views and
// against the same queue: what the batch's statistics give away. z is what Forward made of the step. The second pass has no
// gradient, changes no buffer and draws no random number, so a run is the same with it and without.
func (m *MoCo) leak(s *parallax.Step, z []torch.Tensor) (difference torch.Tensor) {
	defer m.params.Train(m.params.Training())
	torch.NoGrad(func() {
		m.params.Train(false)
		keyed, asking := m.sides(s)
		again := append(embed(m.target.Encoder, keyed), embed(m.encoder, asking)...)
		torch.Autocast(false, func() { difference = m.found(z).Sub(m.found(again)) }) // as the loss is computed
	})
	return difference
}

// found is the accuracy in the pretext task: the share of queries that are nearer to their own key than to all in the queue.
func (m *MoCo) found(z []torch.Tensor) torch.Tensor {
	var shares []torch.Tensor
	exact := make([]torch.Tensor, len(z)) // of what autocast may have made
	for i := range z {
		exact[i] = z[i].To(m.params.DType())
	}
	for positive, negatives := range m.logits(exact) {
		shares = append(shares, hits(positive, negatives))
	}
	return mean(shares)
}

// hits is the share of rows whose positive is above all of their negatives, N and N x K.
func hits(positive, negatives torch.Tensor) torch.Tensor {
	return positive.Detach().Gt(negatives.Detach().Max(1)).To(torch.F32).Mean()
}
