// SPDX-License-Identifier: Apache-2.0
//
// Convolutions in bfloat16, with sums in float32, for processors with AVX-512 BF16: scripts/shim.mk has the flags.
#if defined(__AVX512BF16__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>
#include <cstdint>
#include <cstring>

namespace plx {
namespace {

typedef uint16_t E;
typedef __m512i Register;
constexpr int pair = 2;
inline Register load(const E *p) { return _mm512_loadu_si512(p); }
inline Register broadcast(const E *p) {
	int32_t both;
	std::memcpy(&both, p, sizeof both);
	return _mm512_set1_epi32(both);
}
inline __m512 multiply(Register x, Register w, __m512 sum) { return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)w); }
inline __m512 widen(const E *p) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(p))), 16)); }
inline void store(E *p, __m512 v) { _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), (__m256i)_mm512_cvtneps_pbh(v)); }
inline void store_pixel(E *p, __m512 v, int64_t channels) { // in pairs
	__m128i numbers = _mm256_castsi256_si128((__m256i)_mm512_cvtneps_pbh(v));
	if (channels == 4)
		_mm_storel_epi64(reinterpret_cast<__m128i *>(p), numbers);
	else
		_mm_storeu_si32(p, numbers);
}

inline void store_weights(E *to, const float *one, const float *two) {
	__m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(one))), high = _mm512_setzero_si512();
	if (two != nullptr) high = _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(two))), 16);
	_mm512_storeu_si512(to, _mm512_or_si512(low, high));
}

void pairs(const E *x, int64_t x_step, int64_t rows, int64_t c, E *to) {
	alignas(64) uint16_t low[32], high[32];
	for (int i = 0; i < 32; i++) {
		low[i] = static_cast<uint16_t>(i / 2 + i % 2 * 32);
		high[i] = static_cast<uint16_t>(16 + i / 2 + i % 2 * 32);
	}
	__m512i first = _mm512_load_si512(low), second = _mm512_load_si512(high);
	for (int64_t r = 0; r < rows; r += 2, to += 2 * c) {
		const E *a = x + r * x_step, *b = r + 1 < rows ? a + x_step : nullptr;
		int64_t i = 0;
		for (; i + 32 <= c; i += 32) {
			__m512i one = _mm512_loadu_si512(a + i), two = b == nullptr ? _mm512_setzero_si512() : _mm512_loadu_si512(b + i);
			_mm512_storeu_si512(to + 2 * i, _mm512_permutex2var_epi16(one, first, two));
			_mm512_storeu_si512(to + 2 * i + 32, _mm512_permutex2var_epi16(one, second, two));
		}
		for (; i + 16 <= c; i += 16) {
			__m512i one = _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(a + i)));
			__m512i two = b == nullptr ? _mm512_setzero_si512() : _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(b + i)));
			_mm512_storeu_si512(to + 2 * i, _mm512_permutex2var_epi16(one, first, two));
		}
		for (; i < c; i++) {
			to[2 * i] = a[i];
			to[2 * i + 1] = b == nullptr ? 0 : b[i];
		}
	}
}

}  // namespace
}  // namespace plx

#include "convolution.inl"

namespace plx {
const ConvolutionKernels<uint16_t> *convolution_bf16() { return &kernels; }
const WinogradKernels<uint16_t> *winograd_bf16() { return &tiles; }
}  // namespace plx
#else
#include "convolution.h"

namespace plx {
const ConvolutionKernels<uint16_t> *convolution_bf16() { return nullptr; }
const WinogradKernels<uint16_t> *winograd_bf16() { return nullptr; }
}  // namespace plx
#endif
