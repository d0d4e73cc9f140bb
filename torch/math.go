// SPDX-License-Identifier: Apache-2.0

package torch

// #include "trampoline.h"
import "C"

// Element-wise functions of two tensors broadcast as in NumPy.

// Add returns t + o.
func (t Tensor) Add(o Tensor) Tensor { return made("Add", C.plx_add(t.ref(), o.ref())) }

// Sub returns t - o.
func (t Tensor) Sub(o Tensor) Tensor { return made("Sub", C.plx_sub(t.ref(), o.ref())) }

// Mul returns the element-wise product t ⊙ o.
func (t Tensor) Mul(o Tensor) Tensor { return made("Mul", C.plx_mul(t.ref(), o.ref())) }

// Div returns the element-wise quotient t / o.
func (t Tensor) Div(o Tensor) Tensor { return made("Div", C.plx_div(t.ref(), o.ref())) }

// Maximum returns the element-wise larger of t and o.
func (t Tensor) Maximum(o Tensor) Tensor { return made("Maximum", C.plx_maximum(t.ref(), o.ref())) }

// Minimum returns the element-wise smaller of t and o.
func (t Tensor) Minimum(o Tensor) Tensor { return made("Minimum", C.plx_minimum(t.ref(), o.ref())) }

// Eq returns the truth values of t == o.
func (t Tensor) Eq(o Tensor) Tensor { return made("Eq", C.plx_eq(t.ref(), o.ref())) }

// Lt returns the truth values of t < o.
func (t Tensor) Lt(o Tensor) Tensor { return made("Lt", C.plx_lt(t.ref(), o.ref())) }

// Le returns the truth values of t <= o.
func (t Tensor) Le(o Tensor) Tensor { return made("Le", C.plx_le(t.ref(), o.ref())) }

// Gt returns the truth values of t > o.
func (t Tensor) Gt(o Tensor) Tensor { return made("Gt", C.plx_gt(t.ref(), o.ref())) }

// Ge returns the truth values of t >= o.
func (t Tensor) Ge(o Tensor) Tensor { return made("Ge", C.plx_ge(t.ref(), o.ref())) }

// Neg returns -t.
func (t Tensor) Neg() Tensor { return made("Neg", C.plx_neg(t.ref())) }

// Abs returns |t|.
func (t Tensor) Abs() Tensor { return made("Abs", C.plx_abs(t.ref())) }

// Exp returns e^t.
func (t Tensor) Exp() Tensor { return made("Exp", C.plx_exp(t.ref())) }

// Log returns ln t.
func (t Tensor) Log() Tensor { return made("Log", C.plx_log(t.ref())) }

// Sqrt returns √t.
func (t Tensor) Sqrt() Tensor { return made("Sqrt", C.plx_sqrt(t.ref())) }

// Square returns t².
func (t Tensor) Square() Tensor { return made("Square", C.plx_square(t.ref())) }

// ReLU returns max(0, t).
func (t Tensor) ReLU() Tensor { return made("ReLU", C.plx_relu(t.ref())) }

// GELU returns t·Φ(t), Φ the normal distribution function.
func (t Tensor) GELU() Tensor { return made("GELU", C.plx_gelu(t.ref())) }

// Erf returns the error function of t.
func (t Tensor) Erf() Tensor { return made("Erf", C.plx_erf(t.ref())) }

// Sin returns sin t.
func (t Tensor) Sin() Tensor { return made("Sin", C.plx_sin(t.ref())) }

// Cos returns cos t.
func (t Tensor) Cos() Tensor { return made("Cos", C.plx_cos(t.ref())) }

// IsFinite returns true for the elements of t that are neither infinite nor NaN.
func (t Tensor) IsFinite() Tensor { return made("IsFinite", C.plx_isfinite(t.ref())) }

// Not returns the logical negation.
func (t Tensor) Not() Tensor { return made("Not", C.plx_logical_not(t.ref())) }

// Shift returns t + s.
func (t Tensor) Shift(s float64) Tensor {
	return made("Shift", C.plx_add_scalar(t.ref(), C.double(s)))
}

// Scale returns t·s.
func (t Tensor) Scale(s float64) Tensor {
	return made("Scale", C.plx_mul_scalar(t.ref(), C.double(s)))
}

// Pow returns t^e.
func (t Tensor) Pow(e float64) Tensor { return made("Pow", C.plx_pow_scalar(t.ref(), C.double(e))) }

// Clamp returns t clamped to [lo, hi].
func (t Tensor) Clamp(lo, hi float64) Tensor {
	return made("Clamp", C.plx_clamp(t.ref(), C.double(lo), C.double(hi)))
}

// Where returns a where t is true, and b elsewhere.
func (t Tensor) Where(a, b Tensor) Tensor {
	return made("Where", C.plx_where(t.ref(), a.ref(), b.ref()))
}

// MaskedFill returns t with v wherever mask is true.
func (t Tensor) MaskedFill(mask Tensor, v float64) Tensor {
	return made("MaskedFill", C.plx_masked_fill(t.ref(), mask.ref(), C.double(v)))
}

// RowProducts returns t·bᵀ: t is m x d, b n x d. On a processor with AVX-512, two tensors of float32 whose product
// autograd does not record have kernels of their own, because MKL reaches less than half of an AMD processor.
func (t Tensor) RowProducts(b Tensor) Tensor {
	return made("RowProducts", C.plx_row_products(t.ref(), b.ref()))
}

// MatMul returns the matrix product.
func (t Tensor) MatMul(o Tensor) Tensor { return made("MatMul", C.plx_matmul(t.ref(), o.ref())) }

// SVDVals returns the singular values of a matrix, largest first.
func (t Tensor) SVDVals() Tensor { return made("SVDVals", C.plx_svdvals(t.ref())) }

// EigValsH returns the eigenvalues of a symmetric matrix, smallest first.
func (t Tensor) EigValsH() Tensor { return made("EigValsH", C.plx_eigvalsh(t.ref())) }

// EigH returns the eigenvalues of a symmetric matrix, smallest first, and its eigenvectors as columns in the same
// order.
func (t Tensor) EigH() (values, vectors Tensor) {
	var columns C.plx_tensor
	values = made("EigH", C.plx_eigh(t.ref(), &columns))
	return values, Tensor{columns}
}

// Cholesky returns the lower factor L of a symmetric matrix LLᵀ, and whether the matrix is positive definite. L is
// meaningless when it is not. t may be a batch of matrices.
func (t Tensor) Cholesky() (factor Tensor, ok bool) {
	var info C.plx_tensor
	factor = made("Cholesky", C.plx_cholesky(t.ref(), &info))
	for _, code := range (Tensor{info}).Ints() {
		if code != 0 {
			return factor, false
		}
	}
	return factor, true
}

// SolveTriangular returns the x of t·x = b for a lower (or upper) triangular t.
func (t Tensor) SolveTriangular(b Tensor, upper bool) Tensor {
	return made("SolveTriangular", C.plx_solve_triangular(t.ref(), b.ref(), truth(upper)))
}

// Normalize returns t divided by its l2 norm along dim, clamped to at least 1e-12 as in torch.nn.functional.normalize.
func (t Tensor) Normalize(dim int) Tensor {
	return t.Div(t.norm([]int{dim}, true).Clamp(1e-12, inf))
}

// Standardize returns t minus its mean along dim, divided by √(biased variance + 1e-5): batch norm without affine
// parameters.
func (t Tensor) Standardize(dim int) Tensor {
	centred := t.Sub(t.mean([]int{dim}, true))
	return centred.Div(centred.Square().mean([]int{dim}, true).Shift(1e-5).Sqrt())
}
