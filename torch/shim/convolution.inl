// SPDX-License-Identifier: Apache-2.0
//
// The loops of convolution.h. The including file defines for the element type E: pair, the numbers of one element of a
// register; Register; load, broadcast, multiply, widen, store, store_pixel and store_weights; and pairs. Everything here
// is local to that file.
#include "convolution.h"

#include <immintrin.h>
#include <type_traits>

namespace plx {
namespace {

// P rows of B blocks. The sums stay in P·B registers; rows are read by four addresses for each pointer.
template <int P, int B, typename Y>
inline void product_tile(const Term<E> *terms, int64_t n, int64_t row, int64_t k, int64_t x_step, int64_t w_step, Y *y, int64_t y_step) {
	constexpr int fours = (P + 3) / 4;
	__m512 sum[P][B];
	for (int p = 0; p < P; p++)
		for (int b = 0; b < B; b++) sum[p][b] = _mm512_setzero_ps();
	int64_t three = 3 * x_step;
	for (int64_t t = 0; t < n; t++) {
		const E *x[fours], *w = terms[t].w;
		for (int q = 0; q < fours; q++) x[q] = terms[t].x + (row + 4 * q) * x_step;
#pragma GCC unroll 2
		for (int64_t i = 0; i < k; i += pair) {
			Register weights[B];
			for (int b = 0; b < B; b++) weights[b] = load(w + b * w_step);
			w += 16 * pair;
#pragma GCC unroll 16
			for (int p = 0; p < P; p++) {
				const E *at = x[p / 4] + (p % 4 == 3 ? three : p % 4 * x_step);
				Register v = broadcast(at);
#pragma GCC unroll 2
				for (int b = 0; b < B; b++) sum[p][b] = multiply(v, weights[b], sum[p][b]);
			}
			for (int q = 0; q < fours; q++) x[q] += pair;
		}
	}
	for (int p = 0; p < P; p++)
		for (int b = 0; b < B; b++) {
			Y *to = y + (row + p) * y_step + 16 * b;
			if constexpr (std::is_same_v<Y, float>)
				_mm512_storeu_ps(to, sum[p][b]);
			else
				store(to, sum[p][b]);
		}
}

template <int P, int B, typename Y>
inline void product_rows(const Term<E> *terms, int64_t n, int64_t from, int64_t rows, int64_t k, int64_t x_step, int64_t w_step, Y *y, int64_t y_step) {
	int64_t r = from;
	for (; r + P <= rows; r += P) product_tile<P, B>(terms, n, r, k, x_step, w_step, y, y_step);
	if constexpr (P > 1) {
		if (r < rows) product_rows<P / 2, B>(terms, n, r, rows, k, x_step, w_step, y, y_step);
	}
}

template <typename Y>
void products(const Term<E> *terms, int64_t n, int64_t rows, int64_t k, int64_t x_step, int64_t blocks, int64_t w_step, Y *y, int64_t y_step) {
	if (blocks == 2)
		product_rows<8, 2>(terms, n, 0, rows, k, x_step, w_step, y, y_step);
	else
		product_rows<16, 1>(terms, n, 0, rows, k, x_step, w_step, y, y_step);
}

// I inputs of B blocks, from input i and output o on.
template <int I, int B>
inline void outer_tile(const Term<E> *terms, int64_t n, int64_t i, int64_t o, int64_t x_step, int64_t dy_step, int64_t rows, float *dw, int64_t dw_step) {
	__m512 sum[I][B];
	for (int a = 0; a < I; a++)
		for (int b = 0; b < B; b++) sum[a][b] = _mm512_loadu_ps(dw + a * dw_step + 16 * b);
	for (int64_t t = 0; t < n; t++) {
		const E *x = terms[t].x + pair * i, *dy = terms[t].w + pair * o;
#pragma GCC unroll 2
		for (int64_t r = 0; r < rows; r++) {
			Register g[B];
			for (int b = 0; b < B; b++) g[b] = load(dy + 16 * pair * b);
			dy += dy_step;
#pragma GCC unroll 16
			for (int a = 0; a < I; a++) {
				Register v = broadcast(x + pair * a);
#pragma GCC unroll 2
				for (int b = 0; b < B; b++) sum[a][b] = multiply(v, g[b], sum[a][b]);
			}
			x += x_step;
		}
	}
	for (int a = 0; a < I; a++)
		for (int b = 0; b < B; b++) _mm512_storeu_ps(dw + a * dw_step + 16 * b, sum[a][b]);
}

template <int I, int B>
inline void outer_inputs(const Term<E> *terms, int64_t n, int64_t from, int64_t o, int64_t x_step, int64_t dy_step, int64_t rows, int64_t ci, float *dw, int64_t dw_step) {
	int64_t i = from;
	for (; i + I <= ci; i += I) outer_tile<I, B>(terms, n, i, o, x_step, dy_step, rows, dw + i * dw_step + o, dw_step);
	if constexpr (I > 1) {
		if (i < ci) outer_inputs<I / 2, B>(terms, n, i, o, x_step, dy_step, rows, ci, dw, dw_step);
	}
}

// As outer_tile for at most four inputs: several rows at a time have sums of their own, because each sum waits for the
// one before.
template <int I, int B>
inline void outer_few(const Term<E> *terms, int64_t n, int64_t o, int64_t x_step, int64_t dy_step, int64_t rows, float *dw, int64_t dw_step) {
	constexpr int R = 12 / (I * B) > 4 ? 4 : 12 / (I * B);
	__m512 sum[R][I][B];
	for (int r = 0; r < R; r++)
		for (int a = 0; a < I; a++)
			for (int b = 0; b < B; b++) sum[r][a][b] = r == 0 ? _mm512_loadu_ps(dw + a * dw_step + o + 16 * b) : _mm512_setzero_ps();
	auto row = [&](int r, const E *x, const E *dy) {
		for (int b = 0; b < B; b++) {
			Register g = load(dy + 16 * pair * b);
			for (int a = 0; a < I; a++) sum[r][a][b] = multiply(broadcast(x + pair * a), g, sum[r][a][b]);
		}
	};
	for (int64_t t = 0; t < n; t++) {
		const E *x = terms[t].x, *dy = terms[t].w + pair * o;
		int64_t i = 0;
		for (; i + R <= rows; i += R)
#pragma GCC unroll 4
			for (int r = 0; r < R; r++, x += x_step, dy += dy_step) row(r, x, dy);
		for (; i < rows; i++, x += x_step, dy += dy_step) row(0, x, dy);
	}
	for (int r = 1; r < R; r++)
		for (int a = 0; a < I; a++)
			for (int b = 0; b < B; b++) sum[0][a][b] += sum[r][a][b];
	for (int a = 0; a < I; a++)
		for (int b = 0; b < B; b++) _mm512_storeu_ps(dw + a * dw_step + o + 16 * b, sum[0][a][b]);
}

template <int B>
inline void outer_blocks(const Term<E> *terms, int64_t n, int64_t o, int64_t x_step, int64_t dy_step, int64_t rows, int64_t ci, float *dw, int64_t dw_step) {
	switch (ci) {
	case 1: return outer_few<1, B>(terms, n, o, x_step, dy_step, rows, dw, dw_step);
	case 2: return outer_few<2, B>(terms, n, o, x_step, dy_step, rows, dw, dw_step);
	case 3: return outer_few<3, B>(terms, n, o, x_step, dy_step, rows, dw, dw_step);
	case 4: return outer_few<4, B>(terms, n, o, x_step, dy_step, rows, dw, dw_step);
	default: outer_inputs<16 / B, B>(terms, n, 0, o, x_step, dy_step, rows, ci, dw, dw_step);
	}
}

void outer(const Term<E> *terms, int64_t n, int64_t x_step, int64_t dy_step, int64_t rows, int64_t ci, int64_t co, float *dw, int64_t dw_step) {
	int64_t o = 0;
	for (; o + 32 <= co; o += 32) outer_blocks<2>(terms, n, o, x_step, dy_step, rows, ci, dw, dw_step);
	if (o < co) outer_blocks<1>(terms, n, o, x_step, dy_step, rows, ci, dw, dw_step);
}

// The 16 x 16 transposition of numbers in 16 registers.
inline void transpose(__m512 *r) {
	__m512 t[16];
	for (int i = 0; i < 16; i += 2) {
		t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
		t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
	}
	auto two = [](__m512 a, __m512 b, bool high) {
		__m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);
		return _mm512_castpd_ps(high ? _mm512_unpackhi_pd(x, y) : _mm512_unpacklo_pd(x, y));
	};
	for (int i = 0; i < 16; i += 4)
		for (int j = 0; j < 4; j++) r[i + j] = two(t[i + j / 2], t[i + 2 + j / 2], j % 2 != 0);
	for (int j = 0; j < 4; j++) {
		__m512 a = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88), b = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
		__m512 c = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd), d = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd);
		t[j] = _mm512_shuffle_f32x4(a, b, 0x88);
		t[4 + j] = _mm512_shuffle_f32x4(c, d, 0x88);
		t[8 + j] = _mm512_shuffle_f32x4(a, b, 0xdd);
		t[12 + j] = _mm512_shuffle_f32x4(c, d, 0xdd);
	}
	for (int i = 0; i < 16; i++) r[i] = t[i];
}

// Transposes 16 rows of n numbers into n rows of 16.
inline void columns(const float *from, int64_t step, int64_t n, float *to) {
	for (int64_t c = 0; c < n; c += 16) {
		int64_t width = n - c < 16 ? n - c : 16;
		__mmask16 some = static_cast<__mmask16>((1 << width) - 1);
		__m512 r[16];
		for (int i = 0; i < 16; i++) r[i] = _mm512_maskz_loadu_ps(some, from + i * step + c);
		transpose(r);
		for (int64_t i = 0; i < width; i++) _mm512_storeu_ps(to + (c + i) * 16, r[i]);
	}
}

void pixels(const float *from, int64_t count, int64_t column, int64_t channel, int64_t c, int64_t channels, E *to, int64_t to_step) {
	__mmask16 some = static_cast<__mmask16>((1 << c) - 1);
	for (int64_t p = 0; p < count; p++, from += column, to += to_step) {
		if (channel == 1) {
			store_pixel(to, _mm512_maskz_loadu_ps(some, from), channels);
			continue;
		}
		alignas(64) float pixel[16] = {};
		for (int64_t k = 0; k < c; k++) pixel[k] = from[k * channel];
		store_pixel(to, _mm512_load_ps(pixel), channels);
	}
}

void pack(const float *w, int64_t output, int64_t input, int64_t taps, int64_t inputs, float *scratch, E *to) {
	int64_t whole = (inputs + pair - 1) / pair * pair;
	for (int64_t from = 0; from < inputs; from += 16) {
		int64_t n = inputs - from < 16 ? inputs - from : 16;
		if (input == taps)
			columns(w + from * taps, output, n * taps, scratch);
		else
			for (int64_t i = 0; i < n; i++) columns(w + (from + i) * input, output, taps, scratch + i * taps * 16);
		for (int64_t i = 0; i < n; i += pair)
			for (int64_t t = 0; t < taps; t++) {
				const float *one = scratch + (i * taps + t) * 16;
				store_weights(to + (t * whole + from + i) * 16, one, i + 1 < n ? one + taps * 16 : nullptr);
			}
	}
}

void unpack(const float *w, int64_t tap_step, int64_t w_step, int64_t taps, int64_t inputs, float *dw, int64_t output) {
	int64_t i = 0, t = 0; // of the next row
	for (int64_t c = 0; c < inputs * taps; c += 16) {
		int64_t width = inputs * taps - c < 16 ? inputs * taps - c : 16;
		__m512 r[16];
		for (int k = 0; k < 16; k++) {
			if (k >= width) {
				r[k] = _mm512_setzero_ps();
				continue;
			}
			r[k] = _mm512_loadu_ps(w + t * tap_step + i * w_step);
			if (++t == taps) t = 0, i++;
		}
		transpose(r);
		__mmask16 some = static_cast<__mmask16>((1 << width) - 1);
		for (int k = 0; k < 16; k++) _mm512_mask_storeu_ps(dw + k * output + c, some, r[k]);
	}
}

void pack_rows(const float *w, int64_t inputs, E *to) {
	for (int64_t i = 0; i < inputs; i += pair) store_weights(to + i * 16, w + i * 16, i + 1 < inputs ? w + i * 16 + 16 : nullptr);
}

const ConvolutionKernels<E> kernels = {products<E>, products<float>, outer, pairs, pixels, pack, pack_rows, unpack};

// Bᵀ of four numbers: d0 - d2, d1 + d2, d2 - d1, d1 - d3.
inline void input_line(__m512 &a, __m512 &b, __m512 &c, __m512 &d) {
	__m512 sum = b + c, difference = c - b;
	a = a - c;
	d = b - d;
	b = sum;
	c = difference;
}

// Bᵀ·d·B of 16 numbers of each of 16 pixels, from i on.
inline void input_tile(const E *const *d, int64_t i, __m512 t[4][4]) {
	for (int r = 0; r < 4; r++) {
		for (int c = 0; c < 4; c++) t[r][c] = widen(d[4 * r + c] + i);
		input_line(t[r][0], t[r][1], t[r][2], t[r][3]);
	}
	for (int c = 0; c < 4; c++) input_line(t[0][c], t[1][c], t[2][c], t[3][c]);
}

// A·dy·Aᵀ of 16 numbers of each of 4 pixels, where A of two numbers is g0, g0 + g1, g0 - g1, -g1.
inline void gradient_tile(const E *const *dy, int64_t i, __m512 v[4][4]) {
	__m512 zero = _mm512_setzero_ps(), t[4][2];
	for (int c = 0; c < 2; c++) {
		__m512 a = widen(dy[c] + i), b = widen(dy[2 + c] + i);
		t[0][c] = a;
		t[1][c] = a + b;
		t[2][c] = a - b;
		t[3][c] = zero - b;
	}
	for (int r = 0; r < 4; r++) {
		v[r][0] = t[r][0];
		v[r][1] = t[r][0] + t[r][1];
		v[r][2] = t[r][0] - t[r][1];
		v[r][3] = zero - t[r][1];
	}
}

void inputs(const E *const *d, int64_t n, E *v, int64_t v_step) {
	for (int64_t i = 0; i < n; i += 16) {
		__m512 t[4][4];
		input_tile(d, i, t);
		for (int k = 0; k < 16; k++) store(v + k * v_step + i, t[k / 4][k % 4]);
	}
}

// The tiles of one row, or of a pair of rows whose numbers alternate.
template <typename Tile>
inline void row_tiles(Tile tile, const E *const *one, const E *const *two, int64_t n, E *v, int64_t v_step) {
	for (int64_t i = 0; i < n; i += 16) {
		__m512 t[4][4];
		tile(one, i, t);
		if constexpr (pair == 1) {
			for (int k = 0; k < 16; k++) store(v + k * v_step + i, t[k / 4][k % 4]);
		} else {
			alignas(64) float first[16][16], second[16][16];
			for (int k = 0; k < 16; k++) _mm512_store_ps(first[k], t[k / 4][k % 4]);
			if (two != nullptr) {
				tile(two, i, t);
				for (int k = 0; k < 16; k++) _mm512_store_ps(second[k], t[k / 4][k % 4]);
			}
			for (int k = 0; k < 16; k++) store_weights(v + k * v_step + 2 * i, first[k], two == nullptr ? nullptr : second[k]);
		}
	}
}

void row_inputs(const E *const *d, const E *const *second, int64_t n, E *v, int64_t v_step) {
	row_tiles([](const E *const *from, int64_t i, __m512 t[4][4]) { input_tile(from, i, t); }, d, second, n, v, v_step);
}
void row_gradients(const E *const *dy, const E *const *second, int64_t n, E *v, int64_t v_step) {
	row_tiles([](const E *const *from, int64_t i, __m512 t[4][4]) { gradient_tile(from, i, t); }, dy, second, n, v, v_step);
}

// Aᵀ of four numbers: m0 + m1 + m2, m1 - m2 - m3.
void outputs(const float *m, int64_t m_step, int64_t n, E *const *y) {
	for (int64_t i = 0; i < n; i += 16) {
		__m512 t[2][4];
		for (int c = 0; c < 4; c++) {
			__m512 a = _mm512_loadu_ps(m + c * m_step + i), b = _mm512_loadu_ps(m + (4 + c) * m_step + i);
			__m512 e = _mm512_loadu_ps(m + (8 + c) * m_step + i), f = _mm512_loadu_ps(m + (12 + c) * m_step + i);
			t[0][c] = a + b + e;
			t[1][c] = b - e - f;
		}
		for (int r = 0; r < 2; r++) {
			if (y[2 * r] != nullptr) store(y[2 * r] + i, t[r][0] + t[r][1] + t[r][2]);
			if (y[2 * r + 1] != nullptr) store(y[2 * r + 1] + i, t[r][1] - t[r][2] - t[r][3]);
		}
	}
}

const WinogradKernels<E> tiles = {inputs, outputs, row_inputs, row_gradients};

}  // namespace
}  // namespace plx
