// SPDX-License-Identifier: Apache-2.0

package torch

// #include "trampoline.h"
import "C"

// Linear returns x·wᵀ + b: x is ... x in, w out x in, b of length out or none.
func Linear(x, w, b Tensor) Tensor {
	return made("Linear", C.plx_linear(x.ref(), w.ref(), b.ref()))
}

// Conv2d convolves x (N x C x H x W) with w (out x C/groups x kh x kw); b has length out or is none.
func Conv2d(x, w, b Tensor, stride, padding, groups int) Tensor {
	return made("Conv2d", C.plx_conv2d(x.ref(), w.ref(), b.ref(), C.int64_t(stride), C.int64_t(padding),
		C.int64_t(groups)))
}

// Convolution is Conv2d without bias and groups: x is N x C x H x W, w out x C x k x k. On a processor with AVX-512 it
// has kernels of its own, in float32 and, with AVX-512 BF16 but no AMX, in bfloat16. Its result then has the memory
// layout H x W x N x C, and does not depend on the number of threads. Kernels of 3 x 3 with stride 1 are computed by
// Winograd's tiles of 2 x 2 (Lavin & Gray, arXiv:1509.09308), whose rounding errors are a few times those of the plain
// sum; in bfloat16, the numbers of a tile are rounded before they are multiplied. Elsewhere, for fewer than 8
// images, and for shapes that those kernels do not take, it is Conv2d.
func Convolution(x, w Tensor, stride, padding int) Tensor {
	return made("Convolution", C.plx_convolution(x.ref(), w.ref(), C.int64_t(stride), C.int64_t(padding)))
}

// BatchNorm normalises each channel (dimension 1) of x. In training it uses the batch's statistics and moves the
// running ones by momentum; otherwise it uses the running ones. w and b may be none. If mean and variance are none, it
// always uses the batch's statistics.
func BatchNorm(x, w, b, mean, variance Tensor, training bool, momentum, eps float64) Tensor {
	return made("BatchNorm", C.plx_batch_norm(x.ref(), w.ref(), b.ref(), mean.ref(), variance.ref(),
		truth(training || !mean.Defined()), C.double(momentum), C.double(eps)))
}

// BatchNormAct is batch norm by the batch's statistics, plus residual, and then max(0, ·) if relu, in one operation: x
// and residual are N x C or N x C x H x W of one shape, w and b of length C; w, b and residual may be none. It returns
// y and, without gradient, the mean and the unbiased variance of every channel, which running statistics follow. Its
// statistics are in float32 (float64 for float64) and do not depend on the number of threads. With a group, they are
// those of the rows of all its processes, which must call it at the same time.
func BatchNormAct(x, w, b, residual Tensor, relu bool, eps float64, of *Group) (y, mean, variance Tensor) {
	var m, v C.plx_tensor
	y = made("BatchNormAct", C.plx_batch_norm_act(x.ref(), w.ref(), b.ref(), residual.ref(), truth(relu), C.double(eps),
		of.ref(), &m, &v))
	return y, Tensor{m}, Tensor{v}
}

// NormAct is BatchNormAct by given statistics, those of training: mean and variance have length C.
func NormAct(x, w, b, mean, variance, residual Tensor, relu bool, eps float64) Tensor {
	return made("NormAct", C.plx_norm_act(x.ref(), w.ref(), b.ref(), mean.ref(), variance.ref(), residual.ref(),
		truth(relu), C.double(eps)))
}

// MaxPool2d takes the largest value of every window of x (N x C x H x W).
func MaxPool2d(x Tensor, kernel, stride, padding int) Tensor {
	return made("MaxPool2d", C.plx_max_pool2d(x.ref(), C.int64_t(kernel), C.int64_t(stride), C.int64_t(padding)))
}

// LayerNorm normalises x over its last dimensions; w and b have the shape of those dimensions.
func LayerNorm(x, w, b Tensor, eps float64) Tensor {
	return made("LayerNorm", C.plx_layer_norm(x.ref(), w.ref(), b.ref(), C.double(eps)))
}

// GroupNorm normalises x (N x C x ...) over groups of channels; w and b have length C or are none.
func GroupNorm(x Tensor, groups int, w, b Tensor, eps float64) Tensor {
	return made("GroupNorm", C.plx_group_norm(x.ref(), C.int64_t(groups), w.ref(), b.ref(), C.double(eps)))
}

// Attention returns softmax(q·kᵀ/√d)·v: q, k and v are N x heads x tokens x d.
func Attention(q, k, v Tensor) Tensor {
	return made("Attention", C.plx_attention(q.ref(), k.ref(), v.ref()))
}
