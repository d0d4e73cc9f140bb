// SPDX-License-Identifier: Apache-2.0

package variant

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// Predictor replaces the predictor of a method. The method inside has none, so its Forward returns the targets of all
// views and then their embeddings.
type Predictor struct {
	parallax.Method
	Form      string         // linear, symmetric, symmetric_mlp, direct or bias, as in config.Variant
	Mode      part.Predictor // mode of the method's predictor: trained, fixed at its initialisation, or none
	Layers    nn.MLP         // the method's own predictor; symmetric_mlp has its shape
	Projector nn.MLP         // the method's; its embeddings are the predictor's input
	Direct    config.Direct  // how a direct predictor is set

	layer  nn.Layer
	tied   tied
	direct direct
}

// Unwrap returns the method inside.
func (m *Predictor) Unwrap() parallax.Method { return m.Method }

// Build makes the method's networks and the predictor.
func (m *Predictor) Build(b *parallax.Build) parallax.Encoder {
	e := m.Method.Build(b)
	var shape part.Shape = square{}
	switch m.Form {
	case "symmetric_mlp":
		shape = m.Layers
	case "bias":
		shape = offset{}
	}
	m.layer = part.NewPredictor(b, shape, m.Mode, m.Projector.Out(b.Backbone.Features()))
	m.tied = tie(b.Params, m.Form)
	m.tied.mean()
	m.direct = newDirect(m.Direct, b.Params, m.Form, m.Mode)
	return part.Predicting(e, m.layer, m.Mode)
}

// Forward returns the targets of all views and then their predictions.
func (m *Predictor) Forward(s *parallax.Step) []torch.Tensor {
	targets, z := part.Halves(m.Method.Forward(s))
	return append(append([]torch.Tensor{}, targets...), m.direct.predict(s, m.layer, z)...)
}

// Update makes a symmetric predictor symmetric again, sets a direct one, and then calls Update of the method.
func (m *Predictor) Update(s *parallax.Step) {
	m.tied.mean()
	m.direct.update(s)
	if u, ok := parallax.As[parallax.Updater](m.Method); ok {
		u.Update(s)
	}
}

// square is one linear layer without bias, as wide as its input.
type square struct{}

func (square) Out(in int) int { return in }

func (square) Build(p *nn.Params, in int) nn.Layer {
	return nn.NewLinear(p.Sub("0.linear"), in, in, false)
}

// offset scales embeddings to length 1 and adds one trained vector, which starts at 0 (Zhang et al. 2022,
// arXiv:2203.16262).
type offset struct{}

func (offset) Out(in int) int { return in }

func (offset) Build(p *nn.Params, in int) nn.Layer {
	bias := p.Sub("0.offset").Param("bias", nn.Constant(0), in)
	return nn.Func(func(z torch.Tensor) torch.Tensor { return z.Normalize(1).Add(bias) })
}
