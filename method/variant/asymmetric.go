// SPDX-License-Identifier: Apache-2.0

package variant

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// Asymmetric breaks the symmetry of a loss between pairs of views (Barlow Twins, table 6). It has a predictor on the
// earlier view of a pair, a stop-gradient on the later view, or both.
type Asymmetric struct {
	parallax.Method
	Pair          parallax.Method // a copy for two views, whose loss compares a pair
	StopGradient  bool            // the later view of a pair gets no gradient
	PredictorMode part.Predictor  // on the earlier view of a pair: none, trained, or fixed at its initialisation
	Predictor     nn.MLP          // two layers, batch norm on the hidden one
	Projector     nn.MLP          // the method's; its embeddings are the predictor's input

	predictor nn.Layer
}

// Unwrap returns the method inside.
func (m *Asymmetric) Unwrap() parallax.Method { return m.Method }

// Build makes the method's networks and the predictor.
func (m *Asymmetric) Build(b *parallax.Build) parallax.Encoder {
	e := m.Method.Build(b)
	in := m.Projector.Out(b.Backbone.Features())
	if out := m.Predictor.Out(in); m.PredictorMode != "none" && out != in {
		torch.Fail("asymmetric", "variant.asymmetric.predictor ends with width %d and the embeddings have %d: they "+
			"are compared, so end variant.asymmetric.predictor.widths with %d", out, in, in)
	}
	m.predictor = part.NewPredictor(b, m.Predictor, m.PredictorMode, in)
	return part.Predicting(e, m.predictor, m.PredictorMode)
}

// Forward returns z of every view and then p of every view. Without a predictor p is z.
func (m *Asymmetric) Forward(s *parallax.Step) []torch.Tensor {
	z := m.Method.Forward(s)
	return append(z, parallax.Each(m.predictor, z)...)
}

// Loss is the mean of the method's loss over all pairs of p of a view and z of a later view. The reported terms are
// means over the same pairs.
func (m *Asymmetric) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z, p := part.Halves(z)
	var names []string
	terms := map[string][]torch.Tensor{}
	inner := *s
	inner.Report = func(term string, value torch.Tensor) {
		if terms[term] == nil {
			names = append(names, term)
		}
		terms[term] = append(terms[term], value)
	}
	loss := part.Directions(p, z, false, func(p, z torch.Tensor) torch.Tensor {
		if m.StopGradient {
			z = z.Detach()
		}
		return m.Pair.Loss(&inner, []torch.Tensor{p, z})
	})
	for _, name := range names {
		s.Report(name, part.Mean(terms[name]))
	}
	return loss
}

// Collapsed is that of the method for two views, because the loss is a mean over pairs.
func (m *Asymmetric) Collapsed(batch int) (c parallax.Collapsed) {
	if pair, ok := parallax.As[parallax.Collapser](m.Pair); ok {
		c = pair.Collapsed(batch)
	}
	return c
}
