// SPDX-License-Identifier: Apache-2.0

package torch

// #include "trampoline.h"
import "C"

import "math"

var inf = math.Inf(1)

// A reduction drops the dimensions that it reduces. Without dims it reduces all of them.

// Sum returns the sum over dims.
func (t Tensor) Sum(dims ...int) Tensor {
	d, n := ints(dims)
	return made("Sum", C.plx_sum(t.ref(), d, n, 0))
}

// Mean returns the mean over dims.
func (t Tensor) Mean(dims ...int) Tensor { return t.mean(dims, false) }

// MeanKeep is Mean that keeps the reduced dimensions, with size 1.
func (t Tensor) MeanKeep(dims ...int) Tensor { return t.mean(dims, true) }

func (t Tensor) mean(dims []int, keep bool) Tensor {
	d, n := ints(dims)
	return made("Mean", C.plx_mean(t.ref(), d, n, truth(keep)))
}

// Var returns the variance over dims, the sum of squares divided by (count - correction).
func (t Tensor) Var(correction int, dims ...int) Tensor {
	d, n := ints(dims)
	return made("Var", C.plx_var(t.ref(), d, n, C.int64_t(correction), 0))
}

// Norm returns the l2 norm over dims.
func (t Tensor) Norm(dims ...int) Tensor { return t.norm(dims, false) }

func (t Tensor) norm(dims []int, keep bool) Tensor {
	d, n := ints(dims)
	return made("Norm", C.plx_norm(t.ref(), d, n, truth(keep)))
}

// Max returns the largest element over dims.
func (t Tensor) Max(dims ...int) Tensor {
	d, n := ints(dims)
	return made("Max", C.plx_amax(t.ref(), d, n, 0))
}

// ArgMax returns the index of the largest element along dim.
func (t Tensor) ArgMax(dim int) Tensor { return made("ArgMax", C.plx_argmax(t.ref(), C.int64_t(dim))) }

// TopK returns the k largest elements along dim, largest first, and their indices.
func (t Tensor) TopK(k, dim int) (values, index Tensor) {
	var i C.plx_tensor
	values = made("TopK", C.plx_topk(t.ref(), C.int64_t(k), C.int64_t(dim), &i))
	return values, Tensor{i}
}

// LogSumExp returns ln Σ e^t over dims without overflow.
func (t Tensor) LogSumExp(dims ...int) Tensor {
	d, n := ints(dims)
	return made("LogSumExp", C.plx_logsumexp(t.ref(), d, n, 0))
}

// Softmax returns e^t / Σ e^t along dim.
func (t Tensor) Softmax(dim int) Tensor {
	return made("Softmax", C.plx_softmax(t.ref(), C.int64_t(dim)))
}

// LogSoftmax returns t - ln Σ e^t along dim.
func (t Tensor) LogSoftmax(dim int) Tensor {
	return made("LogSoftmax", C.plx_log_softmax(t.ref(), C.int64_t(dim)))
}

func truth(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
