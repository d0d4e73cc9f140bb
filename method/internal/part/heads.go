// SPDX-License-Identifier: Apache-2.0

package part

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// NewEncoder builds backbone and projector under p.
func NewEncoder(b *parallax.Build, p *nn.Params, projector nn.MLP) parallax.Encoder {
	return parallax.Encoder{
		Backbone:  b.Backbone.Build(p.Sub("backbone")),
		Projector: projector.Build(p.Sub("projector"), b.Backbone.Features()),
		Params:    p.Sub("backbone"),
		Features:  b.Backbone.Features(),
	}
}

// Embed returns z for every view: each goes through the encoder on its own.
func Embed(e parallax.Encoder, views []torch.Tensor) []torch.Tensor {
	return parallax.Each(e.Projector, parallax.Each(e.Backbone, views))
}

// BySize applies layer to what was made of every view. That of views of one size goes through together, in the order of
// the first of each size, so that batch norm sees it together (the official codes of PAWS and, for the projector,
// W-MSE).
func BySize(layer nn.Layer, xs, views []torch.Tensor) []torch.Tensor {
	out := make([]torch.Tensor, len(xs))
	for i, view := range views {
		if out[i].Defined() {
			continue
		}
		var together []torch.Tensor
		for j, v := range views {
			if v.Size(3) == view.Size(3) {
				together = append(together, xs[j])
			}
		}
		all, from := layer.Forward(torch.Cat(0, together...)), 0
		for j, v := range views {
			if v.Size(3) == view.Size(3) {
				out[j] = all.Narrow(0, from, v.Size(0))
				from += v.Size(0)
			}
		}
	}
	return out
}

// Predictor says what becomes of a predictor: trained, fixed at its initialisation, or none.
type Predictor string

// Shape is what a predictor may be: an [nn.MLP], or what a variant puts in its place.
type Shape interface {
	Out(in int) int
	Build(p *nn.Params, in int) nn.Layer
}

// NewPredictor builds a predictor for inputs of width in under "predictor", frozen or left out as mode says. It fails
// where outputs and inputs, which are compared, differ in width.
func NewPredictor(b *parallax.Build, form Shape, mode Predictor, in int) nn.Layer {
	if mode == "none" {
		return nn.Identity
	}
	if out := form.Out(in); out != in {
		torch.Fail("predictor", "method.predictor ends with width %d and the embeddings have %d: they are compared, "+
			"so end method.predictor.widths with %d", out, in, in)
	}
	p := b.Params.Sub("predictor")
	layer := form.Build(p, in)
	if mode == "fixed" {
		p.Freeze()
	}
	return layer
}

// Predicting returns the encoder with its predictor, where there is one.
func Predicting(e parallax.Encoder, p nn.Layer, mode Predictor) parallax.Encoder {
	if mode != "none" {
		e.Predictor = p
	}
	return e
}

// Rate says whether a predictor's learning rate follows the schedule (scheduled) or stays at its peak (constant).
type Rate string

func (r Rate) Groups() []nn.Group {
	if r != "constant" {
		return nil
	}
	return []nn.Group{{Prefix: "predictor.", Scale: 1, Constant: true}}
}
