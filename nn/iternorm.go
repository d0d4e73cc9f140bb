// SPDX-License-Identifier: Apache-2.0

package nn

import "github.com/parallax-ssl/parallax/torch"

// IterNorm whitens groups of features over the batch by Newton's iterations: Huang et al., "Iterative Normalization:
// Beyond Standardization towards Efficient Whitening", CVPR 2019, arXiv:1904.03441, algorithm 1, with its eps 1e-5,
// momentum 0.1, and a learned weight and bias for each feature. With as many groups as features it is batch norm.
type IterNorm struct {
	params                           *Params
	weight, bias                     torch.Tensor
	mean, whitening, seen            torch.Tensor
	groups, channels, d, newtonSteps int
}

// NewIterNorm makes the layer for d features in groups of equal size: d/groups, rounded up, then halved until it
// divides d. Its buffers are running_mean (d), running_wm (groups x channels x channels) and, as in batch norm,
// num_batches_tracked.
func NewIterNorm(p *Params, d, groups, iterations int) *IterNorm {
	channels := (d + groups - 1) / groups
	for d%channels != 0 {
		channels /= 2
	}
	groups = d / channels
	return &IterNorm{
		params:      p,
		weight:      p.Param("weight", Constant(1), d),
		bias:        p.Param("bias", Constant(0), d),
		mean:        p.Buffer("running_mean", torch.Zeros(p.DType(), d)),
		whitening:   p.Buffer("running_wm", torch.Eye(channels, p.DType()).Expand(groups, channels, channels).Clone()),
		seen:        p.Buffer("num_batches_tracked", torch.Zeros(torch.I64)),
		groups:      groups,
		channels:    channels,
		d:           d,
		newtonSteps: iterations,
	}
}

// Forward whitens x, N x d. Even under autocast it computes in the parameters' type.
func (l *IterNorm) Forward(x torch.Tensor) (out torch.Tensor) {
	torch.Autocast(false, func() {
		x = x.To(l.weight.DType())
		mean, whitening := l.mean, l.whitening
		if l.params.Training() {
			whole := l.params.tree.group.Gather(x)
			mean = whole.Mean(0)
			whitening = l.newton(l.grouped(whole.Sub(mean)))
			torch.Later(func() {
				torch.Ones(torch.I64).AddInto(l.seen, 1)
				torch.NoGrad(func() {
					torch.LerpInto([]torch.Tensor{l.mean, l.whitening}, []torch.Tensor{mean, whitening}, 0.1)
				})
			})
		}
		white := whitening.MatMul(l.grouped(x.Sub(mean))).Reshape(l.d, x.Size(0)).T()
		out = white.Mul(l.weight).Add(l.bias)
	})
	return out
}

// grouped turns N x d into groups x channels x N.
func (l *IterNorm) grouped(x torch.Tensor) torch.Tensor {
	return x.T().Reshape(l.groups, l.channels, x.Size(0))
}

// newton approximates Σ^(-1/2), groups x channels x channels, for centred features.
func (l *IterNorm) newton(x torch.Tensor) torch.Tensor {
	eye := torch.Eye(l.channels, x.DType())
	sigma := x.MatMul(x.Transpose(1, 2)).Scale(1 / float64(x.Size(2))).Add(eye.Scale(1e-5)) // Σ = xxᵀ/N + εI
	trace := sigma.Mul(eye).Sum(1, 2).Reshape(l.groups, 1, 1)
	normalized := sigma.Div(trace) // Σ_N, its eigenvalues at most 1
	p := eye.Expand(l.groups, l.channels, l.channels)
	for range l.newtonSteps {
		p = p.Scale(1.5).Sub(p.MatMul(p).MatMul(p).MatMul(normalized).Scale(0.5)) // P ← ½ (3P - P³ Σ_N)
	}
	return p.Div(trace.Sqrt()) // P / √tr Σ
}
