// SPDX-License-Identifier: Apache-2.0

//go:build cgo && amd64 && (linux || darwin)

// The vectors of AVX2, for view.h: 32 bytes, two lanes.
#include <immintrin.h>
#include <stdint.h>

#define VIEW plx_view_avx2
#define FN static inline __attribute__((target("avx2,fma"), always_inline))
#define PART static __attribute__((target("avx2,fma"), noinline))
#define ENTRY __attribute__((target("avx2,fma")))
#define SIZE 32 // bytes of a vector

typedef __m256i vi;
typedef __m256 vf;
typedef __m256 mask;

FN vi load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
FN void store(void *p, vi v) { _mm256_storeu_si256((__m256i *)p, v); }
FN vi zero(void) { return _mm256_setzero_si256(); }
FN vi all32(int32_t v) { return _mm256_set1_epi32(v); }
FN vi both(vi a, vi b) { return _mm256_and_si256(a, b); }
FN vi either(vi a, vi b) { return _mm256_or_si256(a, b); }
FN vi add16(vi a, vi b) { return _mm256_add_epi16(a, b); }
FN vi add32(vi a, vi b) { return _mm256_add_epi32(a, b); }
FN vi pairs(vi a, vi b) { return _mm256_madd_epi16(a, b); }
#define left32(a, n) _mm256_slli_epi32(a, n)
#define right32(a, n) _mm256_srai_epi32(a, n)
#define right32u(a, n) _mm256_srli_epi32(a, n)
FN vi low8(vi a, vi b) { return _mm256_unpacklo_epi8(a, b); }
FN vi high8(vi a, vi b) { return _mm256_unpackhi_epi8(a, b); }
FN vi low16(vi a, vi b) { return _mm256_unpacklo_epi16(a, b); }
FN vi high16(vi a, vi b) { return _mm256_unpackhi_epi16(a, b); }
FN vi pack32(vi a, vi b) { return _mm256_packs_epi32(a, b); }
FN vi pack16(vi a, vi b) { return _mm256_packus_epi16(a, b); }
FN vi shuffle(vi a, vi b) { return _mm256_shuffle_epi8(a, b); }
FN vi repeat(__m128i v) { return _mm256_broadcastsi128_si256(v); }
// widen extends half a vector of bytes to 16 bits, narrow is its inverse.
FN vi widen(const uint8_t *p) { return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p)); }
FN void narrow(uint8_t *p, vi v) {
	v = _mm256_permute4x64_epi64(_mm256_packus_epi16(v, v), 0x08);
	_mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(v));
}
// lanes loads 16 bytes into each lane, from p + at[0] and p + at[4].
FN vi lanes(const uint8_t *p, const int32_t *at) {
	return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(p + at[0]))),
	                               _mm_loadu_si128((const __m128i *)(p + at[4])), 1);
}
// fours repeats each of w[0] and w[4] four times.
FN vi fours(const int32_t *w) {
	return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_set1_epi32(w[0])), _mm_set1_epi32(w[4]), 1);
}
FN vi reversed(vi a) { return _mm256_permutevar8x32_epi32(a, _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0)); }
FN vi first(int n) {
	return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

FN vf all(float v) { return _mm256_set1_ps(v); }
FN vf add(vf a, vf b) { return _mm256_add_ps(a, b); }
FN vf sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
FN vf mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
FN vf quotient(vf a, vf b) { return _mm256_div_ps(a, b); }
FN vf fused(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }   // a*b + c
FN vf rest(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); } // c - a*b
FN vf least(vf a, vf b) { return _mm256_min_ps(a, b); }
FN vf most(vf a, vf b) { return _mm256_max_ps(a, b); } // b if a is NaN
FN vf whole(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
FN vf size(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
FN vf real(vi a) { return _mm256_cvtepi32_ps(a); }
FN vi integer(vf a) { return _mm256_cvttps_epi32(a); }
FN mask same(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
FN mask reaches(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); } // a >= b
FN vf choose(mask m, vf yes, vf no) { return _mm256_blendv_ps(no, yes, m); }
FN void save(float *p, vf v) { _mm256_storeu_ps(p, v); }
FN void save_first(float *p, int n, vf v) { _mm256_maskstore_ps(p, first(n), v); }
FN vi keep_first(int n, vi v) { return _mm256_and_si256(v, first(n)); }

#include "view.h"
