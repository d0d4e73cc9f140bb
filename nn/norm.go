// SPDX-License-Identifier: Apache-2.0

package nn

import (
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax/torch"
)

// Norm is a kind of normalisation. It makes the layers that depend on that kind: the normalisation itself, and the
// linear layers and convolutions before it. The zero value is batch norm.
type Norm int

const (
	// BatchStatistics is batch norm: see [BatchNorm].
	BatchStatistics Norm = iota
	// GroupStatistics is group norm with weight standardisation; neither uses the other images of the batch: Wu & He,
	// arXiv:1803.08494, and Qiao et al., arXiv:1903.10520, as in BYOL without batch statistics (Richemond et al.,
	// arXiv:2010.10241). A group has 16 channels, or more if 16 does not divide them.
	GroupStatistics
	// LayerStatistics is group norm with one group, over all of an image's features, without weight standardisation.
	LayerStatistics
	// NoStatistics keeps only what batch norm learns, the weight and the bias of each feature: see [Affine].
	NoStatistics
	// FirstStatistics is NoStatistics with an initialisation tuned to the data: with the initial weight and bias, the
	// first batch comes out as from batch norm (Richemond et al.: without batch statistics, BYOL reaches 65.7 % with
	// this initialisation and learns nothing without).
	FirstStatistics
)

var normNames = []string{"batch", "group", "layer", "none", "tuned"}

// String is the name in configs: batch, group, layer, none or tuned.
func (n Norm) String() string {
	if n < 0 || int(n) >= len(normNames) {
		return fmt.Sprintf("Norm(%d)", int(n))
	}
	return normNames[n]
}

// MarshalText returns the name.
func (n Norm) MarshalText() ([]byte, error) {
	if n < 0 || int(n) >= len(normNames) {
		return nil, fmt.Errorf("there is no norm with the number %d", int(n))
	}
	return []byte(n.String()), nil
}

// UnmarshalText reads a name.
func (n *Norm) UnmarshalText(text []byte) error {
	for i, name := range normNames {
		if name == string(text) {
			*n = Norm(i)
			return nil
		}
	}
	return fmt.Errorf("unknown norm %q: it must be one of %s", text, strings.Join(normNames, ", "))
}

// Layer makes the normalisation of n features; affine gives it the parameters weight and bias, which NoStatistics and
// FirstStatistics always have.
func (n Norm) Layer(p *Params, features int, affine bool) Layer {
	switch n {
	case GroupStatistics:
		groups := max(1, features/16)
		for features%groups != 0 {
			groups--
		}
		return NewGroupNorm(p, features, groups, affine)
	case LayerStatistics:
		return NewGroupNorm(p, features, 1, affine)
	case NoStatistics, FirstStatistics:
		return NewAffine(p, features, n == FirstStatistics)
	}
	return NewBatchNorm(p, features, affine)
}

// Linear makes a linear layer without bias that a normalisation follows.
func (n Norm) Linear(p *Params, in, out int) *Linear {
	l := NewLinear(p, in, out, false)
	l.standardize = n == GroupStatistics
	return l
}

// Conv makes a convolution that a normalisation follows, or precedes as in a pre-activation network.
func (n Norm) Conv(p *Params, in, out, kernel, stride, padding int) *Conv {
	c := NewConv(p, in, out, kernel, stride, padding)
	c.standardize = n == GroupStatistics
	return c
}

// standardized returns w with the weights of every output shifted and scaled to mean 0 and variance 1: weight
// standardisation (Qiao et al.).
func standardized(w torch.Tensor) torch.Tensor {
	shape := w.Shape()
	return w.Reshape(shape[0], w.Len()/shape[0]).Standardize(1).Reshape(shape...)
}

// GroupNorm normalises each image over space and over groups of neighbouring features (dimension 1), with PyTorch's
// eps 1e-5.
type GroupNorm struct {
	weight, bias torch.Tensor
	groups       int
}

// NewGroupNorm makes group norm over n features in groups equal groups; affine adds the parameters weight and bias.
func NewGroupNorm(p *Params, n, groups int, affine bool) *GroupNorm {
	g := &GroupNorm{groups: groups}
	if affine {
		g.weight = p.Param("weight", Constant(1), n)
		g.bias = p.Param("bias", Constant(0), n)
	}
	return g
}

// Forward normalises x.
func (g *GroupNorm) Forward(x torch.Tensor) torch.Tensor {
	return torch.GroupNorm(x, g.groups, g.weight, g.bias, 1e-5)
}

// LayerNorm normalises over the last dimension: Ba, Kiros & Hinton, arXiv:1607.06450.
type LayerNorm struct {
	weight, bias torch.Tensor
	eps          float64
}

// NewLayerNorm makes layer norm over a last dimension of n, with parameters weight and bias.
func NewLayerNorm(p *Params, n int, eps float64) *LayerNorm {
	return &LayerNorm{p.Param("weight", Constant(1), n), p.Param("bias", Constant(0), n), eps}
}

// Forward normalises x.
func (l *LayerNorm) Forward(x torch.Tensor) torch.Tensor {
	return torch.LayerNorm(x, l.weight, l.bias, l.eps)
}

// Affine scales and shifts each feature (dimension 1): w·x + b.
type Affine struct {
	params              *Params
	weight, bias, tuned torch.Tensor
	waiting             bool // for the first batch, as far as this process knows
}

// NewAffine makes the layer for n features, with the parameters weight, 1, and bias, 0. If tune is true, the first
// batch in training mode changes them, so that this batch comes out as from batch norm with the same weight and bias.
// The buffer tuned records that this was done.
func NewAffine(p *Params, n int, tune bool) *Affine {
	a := &Affine{params: p, weight: p.Param("weight", Constant(1), n), bias: p.Param("bias", Constant(0), n),
		waiting: tune}
	if tune {
		a.tuned = p.Buffer("tuned", torch.Zeros(torch.I64))
	}
	return a
}

// Forward returns w·x + b.
func (a *Affine) Forward(x torch.Tensor) torch.Tensor {
	if a.waiting && a.params.Training() {
		if a.tuned.Item() == 0 {
			torch.NoGrad(func() { a.tune(a.params.tree.group.Gather(x.To(a.weight.DType()))) })
		}
		a.waiting = false
	}
	shape := make([]int, len(x.Shape()))
	for i := range shape {
		shape[i] = 1
	}
	shape[1] = a.weight.Len()
	return x.Mul(a.weight.Reshape(shape...)).Add(a.bias.Reshape(shape...))
}

// tune makes w into w/σ and b into b - w·μ/σ, μ and σ of x over the batch and space, with batch norm's eps.
func (a *Affine) tune(x torch.Tensor) {
	over := []int{0}
	for d := 2; d < len(x.Shape()); d++ {
		over = append(over, d)
	}
	scale := a.weight.Mul(x.Var(0, over...).Shift(1e-5).Pow(-0.5))
	a.bias.Sub(x.Mean(over...).Mul(scale)).CopyInto(a.bias)
	scale.CopyInto(a.weight)
	torch.Ones(torch.I64).CopyInto(a.tuned)
}
