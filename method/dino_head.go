// SPDX-License-Identifier: Apache-2.0

package method

import (
	"strconv"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// DINOHead is DINO's projector and its last layer (appendix C).
type DINOHead struct {
	HeadLayers int  // before the last one; 1 is linear, and with 0 the embedding is h
	Hidden     int  // width of the head's hidden layers
	Bottleneck int  // width of the last of these, whose output is given length 1: the embedding z
	Outputs    int  // K, of the last layer, whose weights have length 1
	HeadNorm   bool // batch norm in the hidden layers; not in the paper's ViTs
}

func (m *DINOHead) validate() error {
	return first(
		atLeast("head_layers", m.HeadLayers, 0), atLeast("hidden", m.Hidden, 1),
		atLeast("bottleneck", m.Bottleneck, 1), atLeast("outputs", m.Outputs, 1),
	)
}

// network makes backbone and head under p, and returns them up to the embedding and with the last layer. The head is
// HeadLayers layers with GELU between them, length 1, and a linear layer whose weights have length 1.
func (m *DINOHead) network(b *parallax.Build, p *nn.Params) (toEmbedding, whole parallax.Encoder) {
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

// outputs are the teacher's g for embeddings: the last layer of the network.
func (m *DINO) outputs(z torch.Tensor) torch.Tensor {
	return m.teacher.Projector.(nn.Sequential)[1].Forward(z)
}
