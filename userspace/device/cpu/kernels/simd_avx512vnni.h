/* SPDX-License-Identifier: MIT */
/* The vector vocabulary in AVX-512 F, BW, VL, DQ and VNNI: a vector is one register. */
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SIMD static inline __attribute__((always_inline))

typedef __m512 vf;  /* 16 floats */
typedef __m512i vi; /* 16 int32 */
typedef __m512i vb; /* 64 bytes */

enum { SIMD_MAX_WIDTH = 12 };

/* Q8_0 codes become unsigned by adding 128, which the sum starts by taking off again. */
#define SIMD_Q8_NEEDS NEED_INIT_128

SIMD vf vf_zero(void)
{
	return _mm512_setzero_ps();
}

SIMD vf vf_set1(float x)
{
	return _mm512_set1_ps(x);
}

SIMD vf vf_load(const float *p)
{
	return _mm512_loadu_ps(p);
}

SIMD void vf_store(float *p, vf x)
{
	_mm512_storeu_ps(p, x);
}

SIMD __mmask16 mask_of(uint32_t n)
{
	return (__mmask16)((1u << n) - 1);
}

/* The first N (0 to 16) lanes; the others are 0. */
SIMD vf vf_load_n(const float *p, uint32_t n)
{
	return _mm512_maskz_loadu_ps(mask_of(n), p);
}

SIMD void vf_store_n(float *p, vf x, uint32_t n)
{
	_mm512_mask_storeu_ps(p, mask_of(n), x);
}

SIMD vf vf_load_f16(const uint8_t *p)
{
	return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

SIMD void vf_store_f16(uint8_t *p, vf x)
{
	_mm256_storeu_si256((__m256i *)p,
			    _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

SIMD vf vf_load_bf16(const uint8_t *p)
{
	__m512i bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));

	return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
}

SIMD vf vf_load_u8(const uint8_t *p)
{
	return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

SIMD vf vf_load_i8(const uint8_t *p)
{
	return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

/* Rounds to nearest even and stores 16 signed bytes; lanes fit. */
SIMD void vf_store_i8(int8_t *p, vf x)
{
	_mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x)));
}

SIMD vf vf_add(vf a, vf b)
{
	return _mm512_add_ps(a, b);
}

SIMD vf vf_sub(vf a, vf b)
{
	return _mm512_sub_ps(a, b);
}

SIMD vf vf_mul(vf a, vf b)
{
	return _mm512_mul_ps(a, b);
}

SIMD vf vf_div(vf a, vf b)
{
	return _mm512_div_ps(a, b);
}

SIMD vf vf_max(vf a, vf b)
{
	return _mm512_max_ps(a, b);
}

SIMD vf vf_min(vf a, vf b)
{
	return _mm512_min_ps(a, b);
}

SIMD vf vf_abs(vf a)
{
	return _mm512_abs_ps(a);
}

/* a * b + c */
SIMD vf vf_fma(vf a, vf b, vf c)
{
	return _mm512_fmadd_ps(a, b, c);
}

SIMD vf vf_round(vf a)
{
	return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* 2^n for whole n in [-126, 127] */
SIMD vf vf_exp2_whole(vf n)
{
	return _mm512_scalef_ps(_mm512_set1_ps(1), n);
}

SIMD float vf_sum(vf a)
{
	return _mm512_reduce_add_ps(a);
}

SIMD float vf_largest(vf a)
{
	return _mm512_reduce_max_ps(a);
}

SIMD vf vf_from_vi(vi a)
{
	return _mm512_cvtepi32_ps(a);
}

SIMD vi vi_zero(void)
{
	return _mm512_setzero_si512();
}

SIMD vi vi_set1(int32_t x)
{
	return _mm512_set1_epi32(x);
}

/* Sums of the first and the second 16 signed bytes at P. */
SIMD void sum_halves_i8(const int8_t *p, int32_t sums[2])
{
	__m256i x = _mm256_loadu_si256((const __m256i *)p), s;

	s = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), x);
	s = _mm256_hadd_epi32(s, s);
	s = _mm256_hadd_epi32(s, s);
	sums[0] = _mm256_cvtsi256_si32(s);
	sums[1] = _mm256_extract_epi32(s, 4);
}

/* Eight pairs (x, y) turned by eight pairs (cos, sin). */
SIMD vf vf_rotate_pairs(vf xy, vf cs)
{
	vf yx = _mm512_permute_ps(xy, 0xb1);

	return _mm512_fmaddsub_ps(xy, _mm512_moveldup_ps(cs),
				  _mm512_mul_ps(yx, _mm512_movehdup_ps(cs)));
}

/* (cos, sin) pairs of 32 floats to 16 cosines and 16 sines. */
SIMD void vf_load_split(const float *p, vf *ret_even, vf *ret_odd)
{
	const __m512i even =
		_mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
	vf a = _mm512_loadu_ps(p), b = _mm512_loadu_ps(p + 16);

	*ret_even = _mm512_permutex2var_ps(a, even, b);
	*ret_odd = _mm512_permutex2var_ps(a, _mm512_add_epi32(even, _mm512_set1_epi32(1)), b);
}

SIMD vb vb_load(const uint8_t *p)
{
	return _mm512_loadu_si512(p);
}

SIMD vb vb_low(vb x)
{
	return _mm512_and_si512(x, _mm512_set1_epi8(15));
}

SIMD vb vb_high(vb x)
{
	return _mm512_and_si512(_mm512_srli_epi16(x, 4), _mm512_set1_epi8(15));
}

/* nibble | bit g of FIFTH << 4 */
SIMD vb vb_with_fifth(vb nibble, vb fifth, unsigned g)
{
	vb shifted = g < 4 ? _mm512_slli_epi16(fifth, 4 - g) : _mm512_srli_epi16(fifth, g - 4);

	return _mm512_ternarylogic_epi32(nibble, shifted, _mm512_set1_epi8(16), 0xf8);
}

/* nibble | bits 2p, 2p + 1 of UPPER << 4 */
SIMD vb vb_with_upper(vb nibble, vb upper, unsigned p)
{
	vb shifted = p < 2 ? _mm512_slli_epi16(upper, 4 - 2 * p)
			   : _mm512_srli_epi16(upper, 2 * p - 4);

	return _mm512_ternarylogic_epi32(nibble, shifted, _mm512_set1_epi8(48), 0xf8);
}

SIMD int32_t four_bytes(const int8_t *p)
{
	int32_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

/* acc[r] += sum of w[4 r + j] * a[j], w unsigned */
SIMD vi vi_dot(vi acc, vb w, const int8_t *a)
{
	return _mm512_dpbusd_epi32(acc, w, _mm512_set1_epi32(four_bytes(a)));
}

/* Q8_0 codes made ready for vi_dot_q8(). */
SIMD vb vb_q8(vb w)
{
	return _mm512_xor_si512(w, _mm512_set1_epi8((char)0x80));
}

SIMD vi vi_dot_q8(vi acc, vb w, const int8_t *a)
{
	return vi_dot(acc, w, a);
}

/* Bits 2p and 2p + 1 of each byte. */
SIMD vb vb_pairs(vb x, unsigned p)
{
	return _mm512_and_si512(_mm512_srli_epi16(x, 2 * p), _mm512_set1_epi8(3));
}

/* pair | bit g of THIRD << 2 */
SIMD vb vb_with_third(vb pair, vb third, unsigned g)
{
	vb shifted = g < 2 ? _mm512_slli_epi16(third, 2 - g) : _mm512_srli_epi16(third, g - 2);

	return _mm512_ternarylogic_epi32(pair, shifted, _mm512_set1_epi8(4), 0xf8);
}

/* Byte r of the 16 at P, in bytes 4 r to 4 r + 3. */
SIMD vb vb_rows(const uint8_t *p)
{
	const __m512i spread = _mm512_set_epi32(0x0f0f0f0f, 0x0e0e0e0e, 0x0d0d0d0d, 0x0c0c0c0c,
						0x0b0b0b0b, 0x0a0a0a0a, 0x09090909, 0x08080808,
						0x07070707, 0x06060606, 0x05050505, 0x04040404,
						0x03030303, 0x02020202, 0x01010101, 0x00000000);

	return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)p)),
				   spread);
}

SIMD vb vb_abs(vb x)
{
	return _mm512_abs_epi8(x);
}

SIMD vb vb_add(vb a, vb b)
{
	return _mm512_add_epi8(a, b);
}

/* Byte by byte; ROWS is alike in each group of four, and every product is below 256. */
SIMD vb vb_times(vb codes, vb rows)
{
	return _mm512_mullo_epi16(codes, _mm512_and_si512(rows, _mm512_set1_epi16(0xff)));
}

/* What Q3_K takes off scale times code: -4 s, or 3 s where s is below 0. */
SIMD vb vb_offset_q3(vb s)
{
	vb twice = _mm512_add_epi8(s, s);

	return _mm512_mask_add_epi8(_mm512_sub_epi8(_mm512_setzero_si512(),
						    _mm512_add_epi8(twice, twice)),
				    _mm512_movepi8_mask(s), twice, s);
}

/* 16 signed values, made ready for vi_dot_q8(), for vb_lookup(). */
SIMD vb vb_table(const int8_t values[16])
{
	return vb_q8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)values)));
}

SIMD vb vb_lookup(vb table, vb nibbles)
{
	return _mm512_shuffle_epi8(table, nibbles);
}

/* The upper nibbles of 16 bytes at P and of 16 at Q, as pairs of int16. */
SIMD vi vi_high_pairs(const uint8_t *p, const uint8_t *q)
{
	__m512i lo = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
	__m512i hi = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)q));

	return _mm512_srli_epi16(_mm512_or_si512(lo, _mm512_slli_epi32(hi, 16)), 4);
}

/* acc[r] += the dot product of two pairs of int16 */
SIMD vi vi_dot_pairs(vi acc, vi pairs, int32_t pair)
{
	return _mm512_dpwssd_epi32(acc, pairs, _mm512_set1_epi32(pair));
}
