// SPDX-License-Identifier: Apache-2.0

package part

import (
	"slices"

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
	return parallax.Each(nn.Sequential{e.Backbone, e.Projector}, views)
}

// BySize applies layer to what was made of every view. That of views of one size goes through together, in the order of
// the first of each size, so that batch norm sees it together (the official codes of PAWS and, for the projector,
// W-MSE).
func BySize(layer nn.Layer, xs, views []torch.Tensor) []torch.Tensor {
	var sizes []int
	together := map[int][]torch.Tensor{}
	for i, view := range views {
		size := view.Size(3)
		if together[size] == nil {
			sizes = append(sizes, size)
		}
		together[size] = append(together[size], xs[i])
	}
	in := make([]torch.Tensor, len(sizes))
	for i, size := range sizes {
		in[i] = torch.Cat(0, together[size]...)
	}
	all, from := parallax.Each(layer, in), make([]int, len(sizes))
	out := make([]torch.Tensor, len(xs))
	for j, view := range views {
		i := slices.Index(sizes, view.Size(3))
		out[j] = all[i].Narrow(0, from[i], view.Size(0))
		from[i] += view.Size(0)
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
