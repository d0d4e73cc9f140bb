// SPDX-License-Identifier: Apache-2.0
//
// The inner loops of convolutions, for processors with AVX-512: convolution.inl has them and convolution.cpp their use.
// Numbers of channels lie innermost. A weight is packed for a block of 16 outputs: 16 numbers for each input, or, in
// bfloat16, 16 pairs of numbers for each pair of inputs.
#pragma once
#include <cstdint>

namespace plx {

// What a sum of products adds up: rows of x, times a packed weight or rows of a gradient.
template <typename E>
struct Term {
	const E *x, *w;
};

template <typename E>
struct ConvolutionKernels {
	// y[r][o] = Σ over the n terms and over k of x[r][k]·w[k][o], for 16 outputs o of each of blocks, which is 1 or 2.
	// The distance of rows is x_step and y_step, that of blocks w_step.
	void (*products)(const Term<E> *terms, int64_t n, int64_t rows, int64_t k, int64_t x_step, int64_t blocks, int64_t w_step, E *y, int64_t y_step);
	// The same with sums that are not rounded.
	void (*sums)(const Term<E> *terms, int64_t n, int64_t rows, int64_t k, int64_t x_step, int64_t blocks, int64_t w_step, float *y, int64_t y_step);
	// dw[i][o] += Σ over the n terms and over rows of x[r][i]·w[r][o], for ci inputs and co outputs, where w is the
	// gradient of y. In bfloat16 a row is a pair of rows: see pair.
	void (*outer)(const Term<E> *terms, int64_t n, int64_t x_step, int64_t w_step, int64_t rows, int64_t ci, int64_t co, float *dw, int64_t dw_step);
	// Makes one row of pairs of two rows of c bfloat16; to an odd number of rows one of zeros is added. Null in float32.
	void (*pair)(const E *x, int64_t x_step, int64_t rows, int64_t c, E *to);
	// Some pixels of a line of an image of c channels, at most 4: to[p·to_step + k] is from[p·column + k·channel], or 0
	// for k from c to channels.
	void (*pixels)(const float *from, int64_t count, int64_t column, int64_t channel, int64_t c, int64_t channels, E *to, int64_t to_step);
	// Packs a weight for 16 outputs: input i of output o and tap t is w[o·output + i·input + t]. scratch has room for
	// 256·taps numbers.
	void (*pack)(const float *w, int64_t output, int64_t input, int64_t taps, int64_t inputs, float *scratch, E *to);
	// Packs rows of 16 numbers, one for each input.
	void (*pack_rows)(const float *w, int64_t inputs, E *to);
	// Writes rows of 16 numbers, w_step and then tap_step apart, to dw[o·output + i·taps + t]: the reverse of pack.
	void (*unpack)(const float *w, int64_t tap_step, int64_t w_step, int64_t taps, int64_t inputs, float *dw, int64_t output);
};

// Winograd's transformations for kernels of 3 x 3 and tiles of 2 x 2 outputs: Lavin & Gray, arXiv:1509.09308, section
// 4.1. Each tile has 16 sums where a plain convolution has 36. Every function does n numbers, 16 at a time; what it
// computes it computes in float32.
template <typename E>
struct WinogradKernels {
	// v = Bᵀ·d·B of 16 pixels d, for inputs.
	void (*inputs)(const E *const *d, int64_t n, E *v, int64_t v_step);
	// The 4 pixels y = Aᵀ·m·A; a null pixel is left out.
	void (*outputs)(const float *m, int64_t m_step, int64_t n, E *const *y);
	// For the gradient of the weight, of one row, or, in bfloat16, of a pair of rows: as inputs, and v = A·dy·Aᵀ of 4
	// pixels dy, the gradient of m. The second row of a pair may be null, and is then one of zeros.
	void (*row_inputs)(const E *const *d, const E *const *second, int64_t n, E *v, int64_t v_step);
	void (*row_gradients)(const E *const *dy, const E *const *second, int64_t n, E *v, int64_t v_step);
};

// The same for the weight, always in float32.
struct WinogradWeights {
	// u = G·w·Gᵀ of the 9 numbers w; turned by 180 degrees if turned.
	void (*weights)(const float *w, int64_t w_step, int64_t n, float *u, int64_t u_step, bool turned);
	// The gradient dw = Gᵀ·du·G.
	void (*weight_gradients)(const float *du, int64_t du_step, int64_t n, float *dw, int64_t dw_step);
};

// The types in which convolutions have loops of their own on this processor: "float32", "float32 bf16" or "none".
const char *own_convolutions();

// Null if the compiler has not these instructions.
const ConvolutionKernels<float> *convolution_f32();
const ConvolutionKernels<uint16_t> *convolution_bf16();
const WinogradKernels<float> *winograd_f32();
const WinogradKernels<uint16_t> *winograd_bf16();
const WinogradWeights *winograd_weights();

}  // namespace plx
