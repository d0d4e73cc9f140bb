// SPDX-License-Identifier: Apache-2.0
//
// Convolutions in float32 for processors with AVX-512 F: scripts/shim.mk has the flags.
#ifdef __AVX512F__
#include <immintrin.h>
#include <cstdint>

namespace plx {
namespace {

typedef float E;
typedef __m512 Register;
constexpr int pair = 1;
inline Register load(const E *p) { return _mm512_loadu_ps(p); }
inline Register broadcast(const E *p) { return _mm512_set1_ps(*p); }
inline __m512 multiply(Register x, Register w, __m512 sum) { return _mm512_fmadd_ps(x, w, sum); }
inline __m512 widen(const E *p) { return _mm512_loadu_ps(p); }
inline void store(E *p, __m512 v) { _mm512_storeu_ps(p, v); }
inline void store_pixel(E *p, __m512 v, int64_t channels) { _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1 << channels) - 1), v); }

inline void store_weights(E *to, const float *one, const float *) { _mm512_storeu_ps(to, _mm512_loadu_ps(one)); }

constexpr void (*pairs)(const E *, int64_t, int64_t, int64_t, E *) = nullptr;

}  // namespace
}  // namespace plx

#include "convolution.inl"

namespace plx {
namespace {

// G of three numbers: g0, (g0 + g1 + g2)/2, (g0 - g1 + g2)/2, g2.
inline void weight_line(__m512 a, __m512 b, __m512 c, __m512 *to) {
	__m512 half = _mm512_set1_ps(0.5f), ends = half * (a + c), middle = half * b;
	to[0] = a;
	to[1] = ends + middle;
	to[2] = ends - middle;
	to[3] = c;
}

void weights(const float *w, int64_t w_step, int64_t n, float *u, int64_t u_step, bool turned) {
	for (int64_t i = 0; i < n; i += 16) {
		__m512 t[3][4];
		for (int r = 0; r < 3; r++) {
			__m512 g[3];
			for (int c = 0; c < 3; c++) g[c] = _mm512_loadu_ps(w + (turned ? 8 - 3 * r - c : 3 * r + c) * w_step + i);
			weight_line(g[0], g[1], g[2], t[r]);
		}
		for (int c = 0; c < 4; c++) {
			__m512 column[4];
			weight_line(t[0][c], t[1][c], t[2][c], column);
			for (int r = 0; r < 4; r++) _mm512_storeu_ps(u + (4 * r + c) * u_step + i, column[r]);
		}
	}
}

// Gᵀ of four numbers: u0 + (u1 + u2)/2, (u1 - u2)/2, (u1 + u2)/2 + u3.
inline void weight_gradient_line(__m512 a, __m512 b, __m512 c, __m512 d, __m512 *to) {
	__m512 half = _mm512_set1_ps(0.5f), sum = half * (b + c);
	to[0] = a + sum;
	to[1] = half * (b - c);
	to[2] = sum + d;
}

void weight_gradients(const float *du, int64_t du_step, int64_t n, float *dw, int64_t dw_step) {
	for (int64_t i = 0; i < n; i += 16) {
		__m512 t[4][3];
		for (int r = 0; r < 4; r++) {
			__m512 g[4];
			for (int c = 0; c < 4; c++) g[c] = _mm512_loadu_ps(du + (4 * r + c) * du_step + i);
			weight_gradient_line(g[0], g[1], g[2], g[3], t[r]);
		}
		for (int c = 0; c < 3; c++) {
			__m512 column[3];
			weight_gradient_line(t[0][c], t[1][c], t[2][c], t[3][c], column);
			for (int r = 0; r < 3; r++) _mm512_storeu_ps(dw + (3 * r + c) * dw_step + i, column[r]);
		}
	}
}

const WinogradWeights weight_tiles = {weights, weight_gradients};

}  // namespace

const ConvolutionKernels<float> *convolution_f32() { return &kernels; }
const WinogradKernels<float> *winograd_f32() { return &tiles; }
const WinogradWeights *winograd_weights() { return &weight_tiles; }
}  // namespace plx
#else
#include "convolution.h"

namespace plx {
const ConvolutionKernels<float> *convolution_f32() { return nullptr; }
const WinogradKernels<float> *winograd_f32() { return nullptr; }
const WinogradWeights *winograd_weights() { return nullptr; }
}  // namespace plx
#endif
