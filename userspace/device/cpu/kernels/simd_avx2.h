/* SPDX-License-Identifier: MIT */
/*
 * The vector vocabulary in AVX2, FMA and F16C: a vector is two registers. Unsigned codes go through
 * pmaddubsw: at most 63 * 127 * 2, which fits 16 bits. Signed codes would not (255 * 127 * 2), so
 * their sign moves to the activation first.
 */
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SIMD static inline __attribute__((always_inline))

typedef struct {
	__m256 lo, hi;
} vf;

typedef struct {
	__m256i lo, hi;
} vi;

typedef struct {
	__m256i lo, hi;
} vb;

#define SIMD_FEW_REGISTERS
enum { SIMD_MAX_WIDTH = 4 };

#define SIMD_Q8_NEEDS 0

SIMD vf vf_set1(float x)
{
	return (vf){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

SIMD vf vf_zero(void)
{
	return (vf){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

SIMD vf vf_load(const float *p)
{
	return (vf){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

SIMD void vf_store(float *p, vf x)
{
	_mm256_storeu_ps(p, x.lo);
	_mm256_storeu_ps(p + 8, x.hi);
}

SIMD vf vf_load_n(const float *p, uint32_t n)
{
	float lanes[16] = {0};

	if (n == 16)
		return vf_load(p);
	memcpy(lanes, p, n * sizeof(*p));
	return vf_load(lanes);
}

SIMD void vf_store_n(float *p, vf x, uint32_t n)
{
	float lanes[16];

	if (n == 16) {
		vf_store(p, x);
		return;
	}
	vf_store(lanes, x);
	memcpy(p, lanes, n * sizeof(*p));
}

SIMD __m128i load_128(const void *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

SIMD vf vf_load_f16(const uint8_t *p)
{
	return (vf){_mm256_cvtph_ps(load_128(p)), _mm256_cvtph_ps(load_128(p + 16))};
}

SIMD void vf_store_f16(uint8_t *p, vf x)
{
	_mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(x.lo, _MM_FROUND_TO_NEAREST_INT));
	_mm_storeu_si128((__m128i *)(p + 16), _mm256_cvtps_ph(x.hi, _MM_FROUND_TO_NEAREST_INT));
}

SIMD __m256 widen_bf16(__m128i bits)
{
	return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

SIMD vf vf_load_bf16(const uint8_t *p)
{
	return (vf){widen_bf16(load_128(p)), widen_bf16(load_128(p + 16))};
}

SIMD vf vf_load_u8(const uint8_t *p)
{
	__m128i x = load_128(p);

	return (vf){_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(x)),
		    _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(x, 8)))};
}

SIMD vf vf_load_i8(const uint8_t *p)
{
	__m128i x = load_128(p);

	return (vf){_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(x)),
		    _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(x, 8)))};
}

SIMD __m128i narrow_32(__m256i x)
{
	return _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
}

SIMD void vf_store_i8(int8_t *p, vf x)
{
	__m128i lo = narrow_32(_mm256_cvtps_epi32(x.lo)), hi = narrow_32(_mm256_cvtps_epi32(x.hi));

	_mm_storeu_si128((__m128i *)p, _mm_packs_epi16(lo, hi));
}

#define DEFINE_BINARY(name, instruction)                                       \
	SIMD vf name(vf a, vf b)                                               \
	{                                                                      \
		return (vf){instruction(a.lo, b.lo), instruction(a.hi, b.hi)}; \
	}

DEFINE_BINARY(vf_add, _mm256_add_ps)
DEFINE_BINARY(vf_sub, _mm256_sub_ps)
DEFINE_BINARY(vf_mul, _mm256_mul_ps)
DEFINE_BINARY(vf_div, _mm256_div_ps)
DEFINE_BINARY(vf_max, _mm256_max_ps)
DEFINE_BINARY(vf_min, _mm256_min_ps)

SIMD vf vf_abs(vf a)
{
	const __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));

	return (vf){_mm256_and_ps(a.lo, mask), _mm256_and_ps(a.hi, mask)};
}

SIMD vf vf_fma(vf a, vf b, vf c)
{
	return (vf){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

SIMD vf vf_round(vf a)
{
	enum { MODE = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC };

	return (vf){_mm256_round_ps(a.lo, MODE), _mm256_round_ps(a.hi, MODE)};
}

SIMD __m256 exp2_whole(__m256 n)
{
	__m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));

	return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}

SIMD vf vf_exp2_whole(vf n)
{
	return (vf){exp2_whole(n.lo), exp2_whole(n.hi)};
}

SIMD float vf_sum(vf a)
{
	__m256 s = _mm256_add_ps(a.lo, a.hi);
	__m128 t = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));

	t = _mm_add_ps(t, _mm_movehl_ps(t, t));
	return _mm_cvtss_f32(_mm_add_ss(t, _mm_movehdup_ps(t)));
}

SIMD float vf_largest(vf a)
{
	__m256 s = _mm256_max_ps(a.lo, a.hi);
	__m128 t = _mm_max_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));

	t = _mm_max_ps(t, _mm_movehl_ps(t, t));
	return _mm_cvtss_f32(_mm_max_ss(t, _mm_movehdup_ps(t)));
}

SIMD vf vf_from_vi(vi a)
{
	return (vf){_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)};
}

SIMD vi vi_set1(int32_t x)
{
	return (vi){_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}

SIMD vi vi_zero(void)
{
	return (vi){_mm256_setzero_si256(), _mm256_setzero_si256()};
}

SIMD int32_t sum_i8(const int8_t *p)
{
	/* Shifted by 128 into unsigned, which the byte sum takes. */
	__m128i x = _mm_xor_si128(load_128(p), _mm_set1_epi8((char)0x80));
	__m128i s = _mm_sad_epu8(x, _mm_setzero_si128());

	return _mm_cvtsi128_si32(s) + _mm_extract_epi32(s, 2) - 16 * 128;
}

SIMD void sum_halves_i8(const int8_t *p, int32_t sums[2])
{
	sums[0] = sum_i8(p);
	sums[1] = sum_i8(p + 16);
}

SIMD __m256 rotate_pairs_8(__m256 xy, __m256 cs)
{
	__m256 yx = _mm256_permute_ps(xy, 0xb1);

	return _mm256_fmaddsub_ps(xy, _mm256_moveldup_ps(cs),
				  _mm256_mul_ps(yx, _mm256_movehdup_ps(cs)));
}

SIMD vf vf_rotate_pairs(vf xy, vf cs)
{
	return (vf){rotate_pairs_8(xy.lo, cs.lo), rotate_pairs_8(xy.hi, cs.hi)};
}

SIMD void vf_load_split(const float *p, vf *ret_even, vf *ret_odd)
{
	float even[16], odd[16];

	for (int i = 0; i < 16; i++) {
		even[i] = p[2 * i];
		odd[i] = p[2 * i + 1];
	}
	*ret_even = vf_load(even);
	*ret_odd = vf_load(odd);
}

SIMD vb vb_load(const uint8_t *p)
{
	return (vb){_mm256_loadu_si256((const __m256i *)p),
		    _mm256_loadu_si256((const __m256i *)(p + 32))};
}

SIMD vb vb_low(vb x)
{
	const __m256i mask = _mm256_set1_epi8(15);

	return (vb){_mm256_and_si256(x.lo, mask), _mm256_and_si256(x.hi, mask)};
}

SIMD vb vb_high(vb x)
{
	return vb_low((vb){_mm256_srli_epi16(x.lo, 4), _mm256_srli_epi16(x.hi, 4)});
}

/* nibble | (bits shifted right by SHIFT, or left where negative) & MASK */
SIMD __m256i with_bits(__m256i nibble, __m256i bits, int shift, char mask)
{
	bits = shift < 0 ? _mm256_slli_epi16(bits, -shift) : _mm256_srli_epi16(bits, shift);
	return _mm256_or_si256(nibble, _mm256_and_si256(bits, _mm256_set1_epi8(mask)));
}

SIMD vb vb_with_fifth(vb nibble, vb fifth, unsigned g)
{
	return (vb){with_bits(nibble.lo, fifth.lo, (int)g - 4, 16),
		    with_bits(nibble.hi, fifth.hi, (int)g - 4, 16)};
}

SIMD vb vb_with_upper(vb nibble, vb upper, unsigned p)
{
	return (vb){with_bits(nibble.lo, upper.lo, 2 * (int)p - 4, 48),
		    with_bits(nibble.hi, upper.hi, 2 * (int)p - 4, 48)};
}

SIMD vb vb_q8(vb w)
{
	return w;
}

SIMD __m256i broadcast_4(const int8_t *a)
{
	int32_t value;

	memcpy(&value, a, sizeof(value));
	return _mm256_set1_epi32(value);
}

SIMD __m256i add_dot(__m256i acc, __m256i w, __m256i a)
{
	__m256i pairs = _mm256_maddubs_epi16(w, a);

	return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

SIMD vi vi_dot(vi acc, vb w, const int8_t *a)
{
	__m256i four = broadcast_4(a);

	return (vi){add_dot(acc.lo, w.lo, four), add_dot(acc.hi, w.hi, four)};
}

SIMD __m256i add_dot_signed(__m256i acc, __m256i w, __m256i a)
{
	return add_dot(acc, _mm256_abs_epi8(w), _mm256_sign_epi8(a, w));
}

SIMD vi vi_dot_q8(vi acc, vb w, const int8_t *a)
{
	__m256i four = broadcast_4(a);

	return (vi){add_dot_signed(acc.lo, w.lo, four), add_dot_signed(acc.hi, w.hi, four)};
}

SIMD vb vb_pairs(vb x, unsigned p)
{
	const __m256i mask = _mm256_set1_epi8(3);

	return (vb){_mm256_and_si256(_mm256_srli_epi16(x.lo, 2 * (int)p), mask),
		    _mm256_and_si256(_mm256_srli_epi16(x.hi, 2 * (int)p), mask)};
}

SIMD vb vb_with_third(vb pair, vb third, unsigned g)
{
	return (vb){with_bits(pair.lo, third.lo, (int)g - 2, 4),
		    with_bits(pair.hi, third.hi, (int)g - 2, 4)};
}

SIMD vb vb_rows(const uint8_t *p)
{
	const __m256i spread = _mm256_set_epi32(0x07070707, 0x06060606, 0x05050505, 0x04040404,
						0x03030303, 0x02020202, 0x01010101, 0x00000000);
	__m256i rows = _mm256_broadcastsi128_si256(load_128(p));

	return (vb){_mm256_shuffle_epi8(rows, spread),
		    _mm256_shuffle_epi8(rows, _mm256_add_epi8(spread, _mm256_set1_epi8(8)))};
}

SIMD vb vb_abs(vb x)
{
	return (vb){_mm256_abs_epi8(x.lo), _mm256_abs_epi8(x.hi)};
}

SIMD vb vb_add(vb a, vb b)
{
	return (vb){_mm256_add_epi8(a.lo, b.lo), _mm256_add_epi8(a.hi, b.hi)};
}

SIMD vb vb_times(vb codes, vb rows)
{
	const __m256i mask = _mm256_set1_epi16(0xff);

	return (vb){_mm256_mullo_epi16(codes.lo, _mm256_and_si256(rows.lo, mask)),
		    _mm256_mullo_epi16(codes.hi, _mm256_and_si256(rows.hi, mask))};
}

SIMD __m256i offset_q3(__m256i s)
{
	__m256i twice = _mm256_add_epi8(s, s);

	return _mm256_blendv_epi8(_mm256_sub_epi8(_mm256_setzero_si256(),
						  _mm256_add_epi8(twice, twice)),
				  _mm256_add_epi8(twice, s), s);
}

SIMD vb vb_offset_q3(vb s)
{
	return (vb){offset_q3(s.lo), offset_q3(s.hi)};
}

SIMD vb vb_table(const int8_t values[16])
{
	__m256i table = _mm256_broadcastsi128_si256(load_128(values));

	return (vb){table, table};
}

SIMD vb vb_lookup(vb table, vb nibbles)
{
	return (vb){_mm256_shuffle_epi8(table.lo, nibbles.lo),
		    _mm256_shuffle_epi8(table.hi, nibbles.hi)};
}

SIMD __m256i high_pairs(__m128i p, __m128i q)
{
	__m256i pairs = _mm256_or_si256(_mm256_cvtepu8_epi32(p),
					_mm256_slli_epi32(_mm256_cvtepu8_epi32(q), 16));

	return _mm256_srli_epi16(pairs, 4);
}

SIMD vi vi_high_pairs(const uint8_t *p, const uint8_t *q)
{
	__m128i a = load_128(p), b = load_128(q);

	return (vi){high_pairs(a, b), high_pairs(_mm_srli_si128(a, 8), _mm_srli_si128(b, 8))};
}

SIMD vi vi_dot_pairs(vi acc, vi pairs, int32_t pair)
{
	__m256i both = _mm256_set1_epi32(pair);

	return (vi){_mm256_add_epi32(acc.lo, _mm256_madd_epi16(pairs.lo, both)),
		    _mm256_add_epi32(acc.hi, _mm256_madd_epi16(pairs.hi, both))};
}
