// SPDX-License-Identifier: Apache-2.0

package method

import (
	"strconv"

	"parallax"
	"parallax/nn"
	"parallax/torch"
)

// network makes backbone and head under p, and returns them up to the embedding and with the last layer. The head (appendix C) is
// HeadLayers layers with GELU between them, length 1, and a linear layer whose weights have length 1.
func (m *DINO) network(b *parallax.Build, p *nn.Params) (toEmbedding, whole parallax.Encoder) {
	linear := func(p *nn.Params, in, out int) nn.Layer {
		w, bias := p.Param("weight", nn.TruncNormal(0.02), out, in), p.Param("bias", nn.Constant(0), out)
		return nn.Func(func(x torch.Tensor) torch.Tensor { return torch.Linear(x, w, bias) })
	}
	toEmbedding = encoder(b, p, nn.MLP{})
	var head nn.Sequential
	q, in := p.Sub("projector"), b.Backbone.Features()
	for i := range m.HeadLayers {
		p := q.Sub(strconv.Itoa(i))
		if i == m.HeadLayers-1 {
			head, in = append(head, linear(p.Sub("linear"), in, m.Bottleneck)), m.Bottleneck
			break
		}
		head = append(head, linear(p.Sub("linear"), in, m.Hidden))
		if m.HeadNorm {
			head = append(head, nn.NewBatchNorm(p.Sub("norm"), m.Hidden, true))
		}
		head, in = append(head, nn.Func(torch.Tensor.GELU)), m.Hidden
	}
	head = append(head, unit)
	toEmbedding.Projector, whole = head, toEmbedding
	last := p.Sub("last").Param("weight", nn.Uniform(in), m.Outputs, in)
	whole.Projector = nn.Sequential{head, nn.Func(func(z torch.Tensor) torch.Tensor { return torch.Linear(z, last.Normalize(1), torch.Tensor{}) })}
	return toEmbedding, whole
}
