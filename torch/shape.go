// SPDX-License-Identifier: Apache-2.0

package torch

// #include "trampoline.h"
import "C"

import "slices"

// Reshape returns t in another shape; one size may be -1.
func (t Tensor) Reshape(shape ...int) Tensor {
	dims, n := ints(shape)
	return made("Reshape", C.plx_reshape(t.ref(), dims, n))
}

// T returns the transpose of a matrix.
func (t Tensor) T() Tensor { return t.Transpose(0, 1) }

// Transpose swaps dimensions a and b.
func (t Tensor) Transpose(a, b int) Tensor {
	return made("Transpose", C.plx_transpose(t.ref(), C.int64_t(a), C.int64_t(b)))
}

// Permute reorders the dimensions: dimension i of the result is dimension order[i] of t.
func (t Tensor) Permute(order ...int) Tensor {
	dims := len(t.Shape())
	at := make([]int, dims) // the dimension of t that is at each place now
	for i := range at {
		at[i] = i
	}
	x := t
	for i, want := range order {
		j := slices.Index(at, want)
		if j < i || len(order) != dims {
			Fail("Permute", "%v is no order of %d dimensions", order, dims)
		}
		if i != j {
			x = x.Transpose(i, j)
			at[i], at[j] = at[j], at[i]
		}
	}
	return x
}

// Unsqueeze inserts a dimension of size 1 at dim.
func (t Tensor) Unsqueeze(dim int) Tensor {
	return made("Unsqueeze", C.plx_unsqueeze(t.ref(), C.int64_t(dim)))
}

// Expand repeats dimensions of size 1 without copying; -1 leaves a size as it is.
func (t Tensor) Expand(shape ...int) Tensor {
	dims, n := ints(shape)
	return made("Expand", C.plx_expand(t.ref(), dims, n))
}

// Cat joins tensors along dim.
func Cat(dim int, ts ...Tensor) Tensor {
	h, n := handles(ts)
	return made("Cat", C.plx_cat(h, n, C.int64_t(dim)))
}

// Narrow returns n slices along dim, starting at index from.
func (t Tensor) Narrow(dim, from, n int) Tensor {
	return made("Narrow", C.plx_narrow(t.ref(), C.int64_t(dim), C.int64_t(from), C.int64_t(n)))
}

// Chunk splits t into n equal parts along dim.
func (t Tensor) Chunk(dim, n int) []Tensor {
	size := t.Size(dim)
	if n < 1 || size%n != 0 {
		Fail("Chunk", "dimension %d of size %d does not divide into %d parts", dim, size, n)
	}
	parts := make([]Tensor, n)
	for i := range parts {
		parts[i] = t.Narrow(dim, i*size/n, size/n)
	}
	return parts
}

// IndexSelect picks slices along dim by an int64 vector.
func (t Tensor) IndexSelect(dim int, index Tensor) Tensor {
	return made("IndexSelect", C.plx_index_select(t.ref(), C.int64_t(dim), index.ref()))
}

// Gather picks elements along dim: out[i][j] = t[i][index[i][j]] for dim 1.
func (t Tensor) Gather(dim int, index Tensor) Tensor {
	return made("Gather", C.plx_gather(t.ref(), C.int64_t(dim), index.ref()))
}

// ScatterAdd adds elements along dim: out[i][index[i][j]] += src[i][j] for dim 1.
func (t Tensor) ScatterAdd(dim int, index, src Tensor) Tensor {
	return made("ScatterAdd", C.plx_scatter_add(t.ref(), C.int64_t(dim), index.ref(), src.ref()))
}

// Diagonal returns the diagonal of a matrix.
func (t Tensor) Diagonal() Tensor { return made("Diagonal", C.plx_diagonal(t.ref())) }

// OffDiagonal returns a square matrix with zeros on its diagonal.
func (t Tensor) OffDiagonal() Tensor { return t.MaskedFill(Eye(t.Size(0), Bool), 0) }
