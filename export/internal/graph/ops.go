// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"slices"

	"github.com/parallax-ssl/parallax/torch"
)

// The operations. Images are N x C x H x W, tokens N x T x D.
type (
	// Conv is a convolution of x by the weight, with the bias if a third input is there.
	Conv struct{ Stride, Padding int }
	// BatchNorm normalises x by weight, bias, mean and variance of each channel.
	BatchNorm struct{ Eps float64 }
	// GroupNorm normalises x over groups of channels; the other inputs are weight and bias.
	GroupNorm struct {
		Groups int
		Eps    float64
	}
	// LayerNorm normalises x over its last dimension; the other inputs are weight and bias.
	LayerNorm struct{ Eps float64 }
	// Linear is x·wᵀ + b.
	Linear struct{}
	// ReLU is max(0, x).
	ReLU struct{}
	// GELU is x·Φ(x), Φ the normal distribution function.
	GELU struct{}
	// MaxPool is the largest value in each window.
	MaxPool struct{ Kernel, Stride, Padding int }
	// Mean is the mean over height and width: N x C.
	Mean struct{}
	// Add is a + b, as the other three with NumPy's broadcasting.
	Add struct{}
	// Sub is a - b.
	Sub struct{}
	// Mul is a·b.
	Mul struct{}
	// Div is a/b.
	Div struct{}
	// Flatten joins the dimensions from the third on.
	Flatten struct{}
	// Permute reorders the dimensions: output dimension i is input dimension Dims[i].
	Permute struct{ Dims []int }
	// Unflatten splits the last dimension into Sizes.
	Unflatten struct{ Sizes []int }
	// Narrow takes the indices From to To-1 of dimension 1.
	Narrow struct{ From, To int }
	// Select takes one index of a dimension, which goes.
	Select struct{ Dim, Index int }
	// Concat joins its inputs along dimension 1.
	Concat struct{}
	// Expand repeats its first input, 1 x ..., as often as its second has images.
	Expand struct{}
	// Resize resizes its first input by bicubic interpolation (a = -0.75, pixel centres at halves) to the height and
	// width of the second.
	Resize struct{}
	// Attention is softmax(q·kᵀ/√d)·v for q, k and v of N x heads x T x d.
	Attention struct{}
	// Cast converts to a type.
	Cast struct{ To torch.DType }
)

func (Conv) name() string      { return "conv" }
func (BatchNorm) name() string { return "batch_norm" }
func (GroupNorm) name() string { return "group_norm" }
func (LayerNorm) name() string { return "layer_norm" }
func (Linear) name() string    { return "linear" }
func (ReLU) name() string      { return "relu" }
func (GELU) name() string      { return "gelu" }
func (MaxPool) name() string   { return "max_pool" }
func (Mean) name() string      { return "mean" }
func (Add) name() string       { return "add" }
func (Sub) name() string       { return "sub" }
func (Mul) name() string       { return "mul" }
func (Div) name() string       { return "div" }
func (Flatten) name() string   { return "flatten" }
func (Permute) name() string   { return "permute" }
func (Unflatten) name() string { return "unflatten" }
func (Narrow) name() string    { return "narrow" }
func (Select) name() string    { return "select" }
func (Concat) name() string    { return "concat" }
func (Expand) name() string    { return "expand" }
func (Resize) name() string    { return "resize" }
func (Attention) name() string { return "attention" }
func (Cast) name() string      { return "cast" }

func same(in []*Value) ([]Dim, torch.DType) { return in[0].Shape, in[0].DType }

func (BatchNorm) result(in []*Value) ([]Dim, torch.DType) { return same(in) }
func (GroupNorm) result(in []*Value) ([]Dim, torch.DType) { return same(in) }
func (LayerNorm) result(in []*Value) ([]Dim, torch.DType) { return same(in) }
func (ReLU) result(in []*Value) ([]Dim, torch.DType)      { return same(in) }
func (GELU) result(in []*Value) ([]Dim, torch.DType)      { return same(in) }
func (Add) result(in []*Value) ([]Dim, torch.DType)       { return same(in) } // the first input is the larger one
func (Sub) result(in []*Value) ([]Dim, torch.DType)       { return same(in) }
func (Mul) result(in []*Value) ([]Dim, torch.DType)       { return same(in) }
func (Div) result(in []*Value) ([]Dim, torch.DType)       { return same(in) }
func (Attention) result(in []*Value) ([]Dim, torch.DType) { return same(in) }

func (c Conv) result(in []*Value) ([]Dim, torch.DType) {
	x, w := in[0].Shape, in[1].Shape
	return []Dim{x[0], w[0], x[2].window(w[2].Size, c.Stride, c.Padding), x[3].window(w[3].Size, c.Stride, c.Padding)},
		in[0].DType
}

func (p MaxPool) result(in []*Value) ([]Dim, torch.DType) {
	x := in[0].Shape
	return []Dim{x[0], x[1], x[2].window(p.Kernel, p.Stride, p.Padding), x[3].window(p.Kernel, p.Stride, p.Padding)},
		in[0].DType
}

func (Linear) result(in []*Value) ([]Dim, torch.DType) {
	shape := slices.Clone(in[0].Shape)
	shape[len(shape)-1] = in[1].Shape[0]
	return shape, in[0].DType
}

func (Mean) result(in []*Value) ([]Dim, torch.DType) { return in[0].Shape[:2], in[0].DType }

func (Flatten) result(in []*Value) ([]Dim, torch.DType) {
	x := in[0].Shape
	return []Dim{x[0], x[1], x[2].Times(x[3])}, in[0].DType
}

func (p Permute) result(in []*Value) ([]Dim, torch.DType) {
	shape := make([]Dim, len(p.Dims))
	for i, d := range p.Dims {
		shape[i] = in[0].Shape[d]
	}
	return shape, in[0].DType
}

func (u Unflatten) result(in []*Value) ([]Dim, torch.DType) {
	x := in[0].Shape
	return slices.Concat(x[:len(x)-1], fixed(u.Sizes...)), in[0].DType
}

func (n Narrow) result(in []*Value) ([]Dim, torch.DType) {
	shape := slices.Clone(in[0].Shape)
	shape[1] = Dim{Size: n.To - n.From}
	return shape, in[0].DType
}

func (s Select) result(in []*Value) ([]Dim, torch.DType) {
	return slices.Delete(slices.Clone(in[0].Shape), s.Dim, s.Dim+1), in[0].DType
}

func (Concat) result(in []*Value) ([]Dim, torch.DType) {
	shape := slices.Clone(in[0].Shape)
	for _, v := range in[1:] { // all but the last are numbers here
		shape[1] = v.Shape[1].plus(shape[1].Size)
	}
	return shape, in[0].DType
}

func (Expand) result(in []*Value) ([]Dim, torch.DType) {
	shape := slices.Clone(in[0].Shape)
	shape[0] = in[1].Shape[0]
	return shape, in[0].DType
}

func (Resize) result(in []*Value) ([]Dim, torch.DType) {
	return slices.Concat(in[0].Shape[:2], in[1].Shape[2:]), in[0].DType
}

func (c Cast) result(in []*Value) ([]Dim, torch.DType) { return in[0].Shape, c.To }
