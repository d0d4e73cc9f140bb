// SPDX-License-Identifier: Apache-2.0

//go:build cgo && amd64 && (linux || darwin)

// The vectors of AVX-512 (F, BW, DQ, VL), for view.h: 64 bytes, four lanes.
#include <immintrin.h>
#include <stdint.h>

#define VIEW plx_view_avx512
#define FN static inline __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"), always_inline))
#define PART static __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"), noinline))
#define ENTRY __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#define SIZE 64 // bytes of a vector

typedef __m512i vi;
typedef __m512 vf;
typedef __mmask16 mask;

FN vi load(const void *p) { return _mm512_loadu_si512(p); }
FN void store(void *p, vi v) { _mm512_storeu_si512(p, v); }
FN vi zero(void) { return _mm512_setzero_si512(); }
FN vi all32(int32_t v) { return _mm512_set1_epi32(v); }
FN vi both(vi a, vi b) { return _mm512_and_si512(a, b); }
FN vi either(vi a, vi b) { return _mm512_or_si512(a, b); }
FN vi add16(vi a, vi b) { return _mm512_add_epi16(a, b); }
FN vi add32(vi a, vi b) { return _mm512_add_epi32(a, b); }
FN vi pairs(vi a, vi b) { return _mm512_madd_epi16(a, b); }
#define left32(a, n) _mm512_slli_epi32(a, n)
#define right32(a, n) _mm512_srai_epi32(a, n)
#define right32u(a, n) _mm512_srli_epi32(a, n)
FN vi low8(vi a, vi b) { return _mm512_unpacklo_epi8(a, b); }
FN vi high8(vi a, vi b) { return _mm512_unpackhi_epi8(a, b); }
FN vi low16(vi a, vi b) { return _mm512_unpacklo_epi16(a, b); }
FN vi high16(vi a, vi b) { return _mm512_unpackhi_epi16(a, b); }
FN vi pack32(vi a, vi b) { return _mm512_packs_epi32(a, b); }
FN vi pack16(vi a, vi b) { return _mm512_packus_epi16(a, b); }
FN vi shuffle(vi a, vi b) { return _mm512_shuffle_epi8(a, b); }
FN vi repeat(__m128i v) { return _mm512_broadcast_i32x4(v); }
// widen extends half a vector of bytes to 16 bits, narrow is its inverse.
FN vi widen(const uint8_t *p) { return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)p)); }
FN void narrow(uint8_t *p, vi v) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi16_epi8(v)); }
// lanes loads 16 bytes into each lane, from p + at[0], p + at[4], p + at[8] and p + at[12].
FN vi lanes(const uint8_t *p, const int32_t *at) {
	__m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(p + at[0])));
	v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(p + at[4])), 1);
	v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(p + at[8])), 2);
	return _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(p + at[12])), 3);
}
// fours repeats each of w[0], w[4], w[8] and w[12] four times.
FN vi fours(const int32_t *w) {
	__m512i v = _mm512_castsi128_si512(_mm_set1_epi32(w[0]));
	v = _mm512_inserti32x4(v, _mm_set1_epi32(w[4]), 1);
	v = _mm512_inserti32x4(v, _mm_set1_epi32(w[8]), 2);
	return _mm512_inserti32x4(v, _mm_set1_epi32(w[12]), 3);
}
FN vi reversed(vi a) {
	return _mm512_permutexvar_epi32(_mm512_setr_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), a);
}
FN __mmask16 first(int n) { return (__mmask16)((1u << n) - 1); }

FN vf all(float v) { return _mm512_set1_ps(v); }
FN vf add(vf a, vf b) { return _mm512_add_ps(a, b); }
FN vf sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
FN vf mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
FN vf quotient(vf a, vf b) { return _mm512_div_ps(a, b); }
FN vf fused(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }   // a*b + c
FN vf rest(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); } // c - a*b
FN vf least(vf a, vf b) { return _mm512_min_ps(a, b); }
FN vf most(vf a, vf b) { return _mm512_max_ps(a, b); } // b if a is NaN
FN vf whole(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
FN vf size(vf a) { return _mm512_abs_ps(a); }
FN vf real(vi a) { return _mm512_cvtepi32_ps(a); }
FN vi integer(vf a) { return _mm512_cvttps_epi32(a); }
FN mask same(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
FN mask reaches(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); } // a >= b
FN vf choose(mask m, vf yes, vf no) { return _mm512_mask_blend_ps(m, no, yes); }
FN void save(float *p, vf v) { _mm512_storeu_ps(p, v); }
FN void save_first(float *p, int n, vf v) { _mm512_mask_storeu_ps(p, first(n), v); }
FN vi keep_first(int n, vi v) { return _mm512_maskz_mov_epi32(first(n), v); }

#include "view.h"
