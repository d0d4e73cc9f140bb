// SPDX-License-Identifier: Apache-2.0

package torch

// #include "trampoline.h"
import "C"

// RequireGrad marks a leaf for backward, or unmarks it, and returns it.
func (t Tensor) RequireGrad(on bool) Tensor {
	done("RequireGrad", C.plx_set_requires_grad(t.ref(), truth(on)))
	return t
}

// RequiresGrad reports whether backward passes through t.
func (t Tensor) RequiresGrad() bool {
	return integer("RequiresGrad", C.plx_requires_grad(t.ref())) != 0
}

// Detach returns t without its history: the stop-gradient.
func (t Tensor) Detach() Tensor { return made("Detach", C.plx_detach(t.ref())) }

// Backward adds the gradient of the scalar t to every leaf it depends on.
func (t Tensor) Backward() { done("Backward", C.plx_backward(t.ref())) }

// Grad returns the gradient that backward has added up for t, or none.
func (t Tensor) Grad() Tensor { return made("Grad", C.plx_grad(t.ref())) }

// SetGrad replaces the gradient of t; the zero Tensor removes it.
func (t Tensor) SetGrad(g Tensor) { done("SetGrad", C.plx_set_grad(t.ref(), g.ref())) }

// GradNorms returns the l2 norm of every tensor's gradient as one vector; no gradient counts as 0.
func GradNorms(ts []Tensor) Tensor {
	h, n := handles(ts)
	return made("GradNorms", C.plx_grad_norms(h, n))
}

// What follows changes tensors in place and is invisible to autograd.

// CopyInto overwrites dst with the values of t.
func (t Tensor) CopyInto(dst Tensor) { done("CopyInto", C.plx_copy_into(dst.ref(), t.ref())) }

// AddInto adds alpha·t to dst.
func (t Tensor) AddInto(dst Tensor, alpha float64) {
	done("AddInto", C.plx_add_into(dst.ref(), t.ref(), C.double(alpha)))
}

// ScaleInto multiplies t by s.
func (t Tensor) ScaleInto(s float64) { done("ScaleInto", C.plx_scale_into(t.ref(), C.double(s))) }

// IndexCopyInto overwrites the rows index (int64) of dst with the rows of t.
func (t Tensor) IndexCopyInto(dst, index Tensor) {
	done("IndexCopyInto", C.plx_index_copy_into(dst.ref(), index.ref(), t.ref()))
}

// LerpInto moves every dst to dst + weight·(src - dst): an exponential moving average with momentum 1 - weight.
func LerpInto(dst, src []Tensor, weight float64) {
	if len(dst) != len(src) {
		Fail("LerpInto", "%d tensors onto %d", len(src), len(dst))
	}
	if len(dst) == 0 {
		return
	}
	d, n := handles(dst)
	s, _ := handles(src)
	done("LerpInto", C.plx_lerp_into(d, s, n, C.double(weight)))
}

// SGD makes one step of stochastic gradient descent on the gradients of ps: g += decay·p; m = momentum·m + g (m = g on
// the first step); p -= rate·m, or rate·(g + momentum·m) with Nesterov. ms may be empty when momentum is 0.
func SGD(ps, ms []Tensor, rate, momentum, decay float64, nesterov, first bool) {
	p, n := handles(ps)
	m, _ := handles(ms)
	done("SGD", C.plx_sgd(p, m, n, C.double(rate), C.double(momentum), C.double(decay), truth(nesterov), truth(first)))
}

// Adam makes step number step (from 1) of Adam, or of AdamW when decoupled. ms and vs are the moments.
func Adam(ps, ms, vs []Tensor, step int, rate, beta1, beta2, eps, decay float64, decoupled bool) {
	p, n := handles(ps)
	m, _ := handles(ms)
	v, _ := handles(vs)
	done("Adam", C.plx_adam(p, m, v, n, C.int64_t(step), C.double(rate), C.double(beta1), C.double(beta2),
		C.double(eps), C.double(decay), truth(decoupled)))
}

// What follows does the same in one pass over memory, without an operation of libtorch for each tensor. It differs by
// rounding. Parameters must be of type F32 or F64, on the CPU; a gradient of an F32 tensor may be BF16. A parameter
// without gradient stays.

// LerpAll is LerpInto; tensors of other types and devices may be among dst and src.
func LerpAll(dst, src []Tensor, weight float64) {
	if len(dst) != len(src) {
		Fail("LerpAll", "%d tensors onto %d", len(src), len(dst))
	}
	d, n := handles(dst)
	s, _ := handles(src)
	done("LerpAll", C.plx_lerp_all(d, s, n, C.double(weight)))
}

// ClipGradNorm scales the gradients of ps by limit / (norm + 1e-6) if their common l2 norm is finite and above limit,
// and limit is above 0. It returns the norm before that.
func ClipGradNorm(ps []Tensor, limit float64) (norm float64) {
	p, n := handles(ps)
	r := C.plx_clip_norm(p, n, C.double(limit))
	if r.error != nil {
		panic(&Error{Op: "ClipGradNorm", Text: take(r.error)})
	}
	return float64(r.value)
}

// Trust scales the gradient of each tensor to the size of its weights, as LARS does: g becomes
// trust·(g + decay·p), trust = Eta·‖p‖ / (‖g‖ + decay·‖p‖ + Eps), at most rate if Clip, which divides it by rate. Where
// either norm is 0, g stays, without weight decay. The zero Trust does nothing.
type Trust struct {
	Eta, Eps float64
	Clip     bool
}

// SGDAll is SGD after trust has scaled the gradients. A trust whose Eta is 0 leaves the gradients as they are.
func SGDAll(ps, ms []Tensor, rate, momentum, decay float64, nesterov, first bool, trust Trust) {
	p, n := handles(ps)
	m, _ := handles(ms)
	done("SGDAll", C.plx_sgd_all(p, m, n, C.double(rate), C.double(momentum), C.double(decay), truth(nesterov),
		truth(first), C.double(trust.Eta), C.double(trust.Eps), truth(trust.Clip)))
}

// AdamAll is Adam.
func AdamAll(ps, ms, vs []Tensor, step int, rate, beta1, beta2, eps, decay float64, decoupled bool) {
	p, n := handles(ps)
	m, _ := handles(ms)
	v, _ := handles(vs)
	done("AdamAll", C.plx_adam_all(p, m, v, n, C.int64_t(step), C.double(rate), C.double(beta1), C.double(beta2),
		C.double(eps), C.double(decay), truth(decoupled)))
}
