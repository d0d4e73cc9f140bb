// SPDX-License-Identifier: Apache-2.0

package nn

import "github.com/parallax-ssl/parallax/torch"

// Layer is a differentiable function of one tensor.
type Layer interface {
	Forward(x torch.Tensor) torch.Tensor
}

// Func is a Layer without parameters.
type Func func(torch.Tensor) torch.Tensor

// Forward calls f.
func (f Func) Forward(x torch.Tensor) torch.Tensor { return f(x) }

// ReLU is max(0, x).
var ReLU Layer = relu{}

type relu struct{}

func (relu) Forward(x torch.Tensor) torch.Tensor { return x.ReLU() }

// Identity is x itself.
var Identity = Func(func(x torch.Tensor) torch.Tensor { return x })

// Sequential applies its layers one after the other.
type Sequential []Layer

// Forward applies the layers in order. In a tree that fuses, batch norm and the ReLU after it are one operation. What a
// layer returns is freed after the next one, unless autograd needs it: without history a network takes the memory of
// two layers.
func (s Sequential) Forward(x torch.Tensor) torch.Tensor {
	in := x
	for i := 0; i < len(s); i++ {
		var y torch.Tensor
		if norm := s.norm(i); norm != nil && i+1 < len(s) && s[i+1] == ReLU {
			y = norm.fused(x, torch.Tensor{}, true)
			i++
		} else {
			y = s[i].Forward(x)
		}
		if x != in && x != y {
			torch.Free(x)
		}
		x = y
	}
	return x
}

// norm returns layer i if it is a batch norm of a tree that fuses, or nil.
func (s Sequential) norm(i int) *BatchNorm {
	if i < 0 {
		return nil
	}
	if b, ok := s[i].(*BatchNorm); ok && b.params.tree.fused {
		return b
	}
	return nil
}

// Residual is ReLU(Branch(x) + Shortcut(x)). In a tree that fuses, a batch norm that ends the branch, the addition and
// the ReLU are one operation.
type Residual struct {
	Branch   Sequential
	Shortcut Layer
}

// Forward returns ReLU(Branch(x) + Shortcut(x)).
func (r Residual) Forward(x torch.Tensor) torch.Tensor {
	last := len(r.Branch) - 1
	if norm := r.Branch.norm(last); norm != nil {
		branch, shortcut := r.Branch[:last].Forward(x), r.Shortcut.Forward(x)
		defer freeExcept(x, branch, shortcut)
		return norm.fused(branch, shortcut, true)
	}
	branch, shortcut := r.Branch.Forward(x), r.Shortcut.Forward(x)
	defer freeExcept(x, branch, shortcut)
	return branch.Add(shortcut).ReLU()
}

// freeExcept frees tensors that are not x.
func freeExcept(x torch.Tensor, ts ...torch.Tensor) {
	for _, t := range ts {
		if t != x {
			torch.Free(t)
		}
	}
}

// Linear is x·Wᵀ + b: N x ... x in -> N x ... x out.
type Linear struct {
	weight, bias torch.Tensor
	standardize  bool // standardise the weight before each use
}

// NewLinear makes a linear layer with the parameter weight (out x in) and, if bias is true, bias (out).
func NewLinear(p *Params, in, out int, bias bool) *Linear {
	l := &Linear{weight: p.Param("weight", Uniform(in), out, in)}
	if bias {
		l.bias = p.Param("bias", Uniform(in), out)
	}
	return l
}

// NewLinearFrom makes a linear layer whose weight is drawn by init and whose bias is 0.
func NewLinearFrom(p *Params, init Init, in, out int) *Linear {
	return &Linear{weight: p.Param("weight", init, out, in), bias: p.Param("bias", Constant(0), out)}
}

// Square returns W if the layer is one square matrix without bias.
func (l *Linear) Square() (w torch.Tensor, ok bool) {
	shape := l.weight.Shape()
	return l.weight, shape[0] == shape[1] && !l.bias.Defined() && !l.standardize
}

// Forward returns x·Wᵀ + b.
func (l *Linear) Forward(x torch.Tensor) torch.Tensor {
	w := l.weight
	if l.standardize {
		w = standardized(w)
	}
	return torch.Linear(x, w, l.bias)
}

// Conv is a two-dimensional convolution without bias: N x in x H x W -> N x out x H' x W'.
type Conv struct {
	params          *Params
	weight          torch.Tensor
	stride, padding int
	standardize     bool // standardise the weight before each use
}

// NewConv makes a square convolution with the parameter weight (out x in x kernel x kernel).
func NewConv(p *Params, in, out, kernel, stride, padding int) *Conv {
	weight := p.Param("weight", KaimingNormal, out, in, kernel, kernel)
	return &Conv{params: p, weight: weight, stride: stride, padding: padding}
}

// Forward convolves x.
func (c *Conv) Forward(x torch.Tensor) torch.Tensor {
	w := c.weight
	if c.standardize {
		w = standardized(w)
	}
	if c.params.tree.fused {
		return torch.Convolution(x, w, c.stride, c.padding)
	}
	return torch.Conv2d(x, w, torch.Tensor{}, c.stride, c.padding, 1)
}

// BatchNorm normalises each feature (dimension 1) over the batch and space: Ioffe & Szegedy 2015, with PyTorch's eps
// 1e-5 and momentum 0.1. Params.Train switches it between training and evaluation.
type BatchNorm struct {
	params                             *Params
	weight, bias, mean, variance, seen torch.Tensor
}

// NewBatchNorm makes batch norm over n features; affine adds the parameters weight and bias. The buffers carry
// torchvision's names: running_mean, running_var, num_batches_tracked.
func NewBatchNorm(p *Params, n int, affine bool) *BatchNorm {
	b := &BatchNorm{params: p}
	if affine {
		b.weight = p.Param("weight", Constant(1), n)
		b.bias = p.Param("bias", Constant(0), n)
	}
	b.mean = p.Buffer("running_mean", torch.Zeros(p.DType(), n))
	b.variance = p.Buffer("running_var", torch.Ones(p.DType(), n))
	b.seen = p.Buffer("num_batches_tracked", torch.Zeros(torch.I64))
	return b
}

// PyTorch's: what keeps the variance from 0, and how far a batch moves the running statistics.
const (
	batchNormEps      = 1e-5
	batchNormMomentum = 0.1
)

// Forward normalises x.
func (b *BatchNorm) Forward(x torch.Tensor) torch.Tensor {
	training := b.params.Training()
	if b.params.tree.fused || training && b.params.tree.group != nil {
		return b.fused(x, torch.Tensor{}, false)
	}
	if training {
		torch.Ones(torch.I64).AddInto(b.seen, 1)
	}
	return torch.BatchNorm(x, b.weight, b.bias, b.mean, b.variance, training, batchNormMomentum,
		batchNormEps)
}

// fused normalises x and adds residual, if there is one; with relu, what is below 0 becomes 0.
func (b *BatchNorm) fused(x, residual torch.Tensor, relu bool) torch.Tensor {
	if !b.params.Training() {
		return torch.NormAct(x, b.weight, b.bias, b.mean, b.variance, residual, relu, batchNormEps)
	}
	y, mean, variance := torch.BatchNormAct(x, b.weight, b.bias, residual, relu, batchNormEps,
		b.params.tree.group)
	torch.Later(func() {
		torch.Ones(torch.I64).AddInto(b.seen, 1)
		torch.LerpAll([]torch.Tensor{b.mean, b.variance}, []torch.Tensor{mean, variance}, batchNormMomentum)
	})
	return y
}
