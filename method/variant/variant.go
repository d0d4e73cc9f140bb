// SPDX-License-Identifier: Apache-2.0

// Package variant wraps methods for what only an experiment changes, so that a method's file stays its paper: [Untied]
// and [Asymmetric]. A wrapper has the abilities that it changes; parallax.As finds the others in the method inside.
package variant

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// Untied gives every second view a network of its own (VICReg, table 5): Second, a method like the one inside, built
// under "second". Both return one tensor a view from Forward.
type Untied struct {
	parallax.Method
	Second parallax.Method
}

// Unwrap returns the method of the first network.
func (m *Untied) Unwrap() parallax.Method { return m.Method }

// Build makes both networks and returns the first.
func (m *Untied) Build(b *parallax.Build) parallax.Encoder {
	first := m.Method.Build(b)
	second := *b
	second.Params = b.Params.Sub("second")
	m.Second.Build(&second)
	return first
}

// Forward returns what the two networks make of their views, in the views' order.
func (m *Untied) Forward(s *parallax.Step) []torch.Tensor {
	z := make([]torch.Tensor, len(s.Views))
	for i, one := range []parallax.Method{m.Method, m.Second} {
		own := *s
		own.Views = nil
		for v := i; v < len(s.Views); v += 2 {
			own.Views = append(own.Views, s.Views[v])
		}
		out := one.Forward(&own)
		if len(out) != len(own.Views) {
			torch.Fail("untied", "%T makes %d tensors of %d views: only a method with one of each can be untied",
				one, len(out), len(own.Views))
		}
		for k := range out {
			z[i+2*k] = out[k]
		}
	}
	return z
}

// Update moves what either network's method moves.
func (m *Untied) Update(s *parallax.Step) {
	for _, one := range []parallax.Method{m.Method, m.Second} {
		if u, ok := parallax.As[parallax.Updater](one); ok {
			u.Update(s)
		}
	}
}

// Asymmetric breaks the symmetry of a loss between pairs of views (Barlow Twins, table 6): the earlier view of a pair goes
// through a predictor, the later one gets no gradient.
type Asymmetric struct {
	parallax.Method
	StopGradient  bool           // the later view of a pair gets no gradient
	PredictorMode part.Predictor // none; trained, on the earlier view of a pair; fixed at its initialisation
	Predictor     nn.MLP         // two layers, batch norm on the hidden one
	Width         int            // of the embeddings

	predictor nn.Layer
}

// Unwrap returns the method inside.
func (m *Asymmetric) Unwrap() parallax.Method { return m.Method }

// Build makes the method's networks and the predictor.
func (m *Asymmetric) Build(b *parallax.Build) parallax.Encoder {
	e := m.Method.Build(b)
	m.predictor = part.NewPredictor(b, m.Predictor, m.PredictorMode, m.Width)
	return part.Predicting(e, m.predictor, m.PredictorMode)
}

// Forward returns z of every view and then p of every view, which is z without a predictor.
func (m *Asymmetric) Forward(s *parallax.Step) []torch.Tensor {
	z := m.Method.Forward(s)
	return append(z, parallax.Each(m.predictor, z)...)
}

// Loss is the mean of the method's loss over the pairs of p of a view and z of a later one. The terms are means, too.
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
		return m.Method.Loss(&inner, []torch.Tensor{p, z})
	})
	for _, name := range names {
		s.Report(name, part.Mean(terms[name]))
	}
	return loss
}
