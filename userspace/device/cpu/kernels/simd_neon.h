/* SPDX-License-Identifier: MIT */
/* The vector vocabulary in NEON with the dot product extension: a vector is four registers. */
#include <arm_neon.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SIMD static inline __attribute__((always_inline))

typedef struct {
	float32x4_t v[4];
} vf;

typedef struct {
	int32x4_t v[4];
} vi;

typedef struct {
	uint8x16_t v[4];
} vb;

/* 32 registers hold the sums of three tokens, integer and float; two come out even. */
#define SIMD_FEW_REGISTERS
enum { SIMD_MAX_WIDTH = 4 };

#define SIMD_Q8_NEEDS 0

#define QUARTERS for (int i = 0; i < 4; i++)

SIMD vf vf_set1(float x)
{
	vf r;

	QUARTERS r.v[i] = vdupq_n_f32(x);
	return r;
}

SIMD vf vf_zero(void)
{
	return vf_set1(0);
}

SIMD vf vf_load(const float *p)
{
	vf r;

	QUARTERS r.v[i] = vld1q_f32(p + 4 * i);
	return r;
}

SIMD void vf_store(float *p, vf x)
{
	QUARTERS vst1q_f32(p + 4 * i, x.v[i]);
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

SIMD vf vf_load_f16(const uint8_t *p)
{
	vf r;

	QUARTERS r.v[i] = vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p + 8 * i)));
	return r;
}

SIMD void vf_store_f16(uint8_t *p, vf x)
{
	QUARTERS vst1_u8(p + 8 * i, vreinterpret_u8_f16(vcvt_f16_f32(x.v[i])));
}

SIMD vf vf_load_bf16(const uint8_t *p)
{
	vf r;

	QUARTERS r.v[i] =
		vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p + 8 * i)), 16));
	return r;
}

SIMD vf vf_load_u8(const uint8_t *p)
{
	uint8x16_t x = vld1q_u8(p);
	uint16x8_t lo = vmovl_u8(vget_low_u8(x)), hi = vmovl_u8(vget_high_u8(x));

	return (vf){{vcvtq_f32_u32(vmovl_u16(vget_low_u16(lo))),
		     vcvtq_f32_u32(vmovl_u16(vget_high_u16(lo))),
		     vcvtq_f32_u32(vmovl_u16(vget_low_u16(hi))),
		     vcvtq_f32_u32(vmovl_u16(vget_high_u16(hi)))}};
}

SIMD vf vf_load_i8(const uint8_t *p)
{
	int8x16_t x = vreinterpretq_s8_u8(vld1q_u8(p));
	int16x8_t lo = vmovl_s8(vget_low_s8(x)), hi = vmovl_s8(vget_high_s8(x));

	return (vf){{vcvtq_f32_s32(vmovl_s16(vget_low_s16(lo))),
		     vcvtq_f32_s32(vmovl_s16(vget_high_s16(lo))),
		     vcvtq_f32_s32(vmovl_s16(vget_low_s16(hi))),
		     vcvtq_f32_s32(vmovl_s16(vget_high_s16(hi)))}};
}

SIMD void vf_store_i8(int8_t *p, vf x)
{
	int16x8_t lo =
		vcombine_s16(vmovn_s32(vcvtnq_s32_f32(x.v[0])), vmovn_s32(vcvtnq_s32_f32(x.v[1])));
	int16x8_t hi =
		vcombine_s16(vmovn_s32(vcvtnq_s32_f32(x.v[2])), vmovn_s32(vcvtnq_s32_f32(x.v[3])));

	vst1q_s8(p, vcombine_s8(vmovn_s16(lo), vmovn_s16(hi)));
}

#define DEFINE_BINARY(name, instruction)                       \
	SIMD vf name(vf a, vf b)                               \
	{                                                      \
		QUARTERS a.v[i] = instruction(a.v[i], b.v[i]); \
		return a;                                      \
	}

DEFINE_BINARY(vf_add, vaddq_f32)
DEFINE_BINARY(vf_sub, vsubq_f32)
DEFINE_BINARY(vf_mul, vmulq_f32)
DEFINE_BINARY(vf_div, vdivq_f32)
DEFINE_BINARY(vf_max, vmaxq_f32)
DEFINE_BINARY(vf_min, vminq_f32)

SIMD vf vf_abs(vf a)
{
	QUARTERS a.v[i] = vabsq_f32(a.v[i]);
	return a;
}

SIMD vf vf_fma(vf a, vf b, vf c)
{
	QUARTERS c.v[i] = vfmaq_f32(c.v[i], a.v[i], b.v[i]);
	return c;
}

SIMD vf vf_round(vf a)
{
	QUARTERS a.v[i] = vrndnq_f32(a.v[i]);
	return a;
}

SIMD vf vf_exp2_whole(vf n)
{
	QUARTERS n.v[i] = vreinterpretq_f32_s32(
		vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n.v[i]), vdupq_n_s32(127)), 23));
	return n;
}

SIMD float vf_sum(vf a)
{
	return vaddvq_f32(vaddq_f32(vaddq_f32(a.v[0], a.v[1]), vaddq_f32(a.v[2], a.v[3])));
}

SIMD float vf_largest(vf a)
{
	return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.v[0], a.v[1]), vmaxq_f32(a.v[2], a.v[3])));
}

SIMD vf vf_from_vi(vi a)
{
	vf r;

	QUARTERS r.v[i] = vcvtq_f32_s32(a.v[i]);
	return r;
}

SIMD vi vi_set1(int32_t x)
{
	vi r;

	QUARTERS r.v[i] = vdupq_n_s32(x);
	return r;
}

SIMD vi vi_zero(void)
{
	return vi_set1(0);
}

SIMD int32_t sum_i8(const int8_t *p)
{
	return vaddlvq_s8(vld1q_s8(p));
}

SIMD void sum_halves_i8(const int8_t *p, int32_t sums[2])
{
	sums[0] = sum_i8(p);
	sums[1] = sum_i8(p + 16);
}

SIMD vf vf_rotate_pairs(vf xy, vf cs)
{
	QUARTERS
	{
		float32x4_t c = vtrn1q_f32(cs.v[i], cs.v[i]), s = vtrn2q_f32(cs.v[i], cs.v[i]);
		float32x4_t yx = vmulq_f32(vrev64q_f32(xy.v[i]), s);
		const float32x4_t signs = {-1, 1, -1, 1};

		xy.v[i] = vfmaq_f32(vmulq_f32(yx, signs), xy.v[i], c);
	}
	return xy;
}

SIMD void vf_load_split(const float *p, vf *ret_even, vf *ret_odd)
{
	QUARTERS
	{
		float32x4x2_t pairs = vld2q_f32(p + 8 * i);

		ret_even->v[i] = pairs.val[0];
		ret_odd->v[i] = pairs.val[1];
	}
}

SIMD vb vb_load(const uint8_t *p)
{
	vb r;

	QUARTERS r.v[i] = vld1q_u8(p + 16 * i);
	return r;
}

SIMD vb vb_low(vb x)
{
	QUARTERS x.v[i] = vandq_u8(x.v[i], vdupq_n_u8(15));
	return x;
}

SIMD vb vb_high(vb x)
{
	QUARTERS x.v[i] = vshrq_n_u8(x.v[i], 4);
	return x;
}

SIMD vb vb_with_fifth(vb nibble, vb fifth, unsigned g)
{
	QUARTERS
	{
		uint8x16_t bit = vshlq_u8(fifth.v[i], vdupq_n_s8((int8_t)(4 - (int)g)));

		nibble.v[i] = vorrq_u8(nibble.v[i], vandq_u8(bit, vdupq_n_u8(16)));
	}
	return nibble;
}

SIMD vb vb_with_upper(vb nibble, vb upper, unsigned p)
{
	QUARTERS
	{
		uint8x16_t bits = vshlq_u8(upper.v[i], vdupq_n_s8((int8_t)(4 - 2 * (int)p)));

		nibble.v[i] = vorrq_u8(nibble.v[i], vandq_u8(bits, vdupq_n_u8(48)));
	}
	return nibble;
}

SIMD vb vb_q8(vb w)
{
	return w;
}

SIMD vi vi_dot_q8(vi acc, vb w, const int8_t *a)
{
	int32_t value;
	int8x16_t four;

	memcpy(&value, a, sizeof(value));
	four = vreinterpretq_s8_s32(vdupq_n_s32(value));
	QUARTERS acc.v[i] = vdotq_s32(acc.v[i], vreinterpretq_s8_u8(w.v[i]), four);
	return acc;
}

/* Codes of up to 6 bits are the same signed and unsigned. */
SIMD vi vi_dot(vi acc, vb w, const int8_t *a)
{
	return vi_dot_q8(acc, w, a);
}

SIMD vb vb_pairs(vb x, unsigned p)
{
	QUARTERS x.v[i] =
		vandq_u8(vshlq_u8(x.v[i], vdupq_n_s8((int8_t)(-2 * (int)p))), vdupq_n_u8(3));
	return x;
}

SIMD vb vb_with_third(vb pair, vb third, unsigned g)
{
	QUARTERS
	{
		uint8x16_t bit = vshlq_u8(third.v[i], vdupq_n_s8((int8_t)(2 - (int)g)));

		pair.v[i] = vorrq_u8(pair.v[i], vandq_u8(bit, vdupq_n_u8(4)));
	}
	return pair;
}

SIMD vb vb_rows(const uint8_t *p)
{
	static const uint8_t spread[16] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};
	uint8x16_t rows = vld1q_u8(p);
	vb r;

	QUARTERS r.v[i] =
		vqtbl1q_u8(rows, vaddq_u8(vld1q_u8(spread), vdupq_n_u8((uint8_t)(4 * i))));
	return r;
}

SIMD vb vb_abs(vb x)
{
	QUARTERS x.v[i] = vreinterpretq_u8_s8(vabsq_s8(vreinterpretq_s8_u8(x.v[i])));
	return x;
}

SIMD vb vb_add(vb a, vb b)
{
	QUARTERS a.v[i] = vaddq_u8(a.v[i], b.v[i]);
	return a;
}

SIMD vb vb_times(vb codes, vb rows)
{
	QUARTERS codes.v[i] = vmulq_u8(codes.v[i], rows.v[i]);
	return codes;
}

SIMD vb vb_offset_q3(vb s)
{
	QUARTERS
	{
		int8x16_t x = vreinterpretq_s8_u8(s.v[i]);
		int8x16_t three = vaddq_s8(vshlq_n_s8(x, 1), x), four = vnegq_s8(vshlq_n_s8(x, 2));

		s.v[i] = vreinterpretq_u8_s8(vbslq_s8(vcltzq_s8(x), three, four));
	}
	return s;
}

SIMD vb vb_table(const int8_t values[16])
{
	vb r;

	QUARTERS r.v[i] = vreinterpretq_u8_s8(vld1q_s8(values));
	return r;
}

SIMD vb vb_lookup(vb table, vb nibbles)
{
	QUARTERS nibbles.v[i] = vqtbl1q_u8(table.v[i], nibbles.v[i]);
	return nibbles;
}

SIMD vi vi_high_pairs(const uint8_t *p, const uint8_t *q)
{
	uint8x16_t a = vshrq_n_u8(vld1q_u8(p), 4), b = vshrq_n_u8(vld1q_u8(q), 4);
	uint8x16_t zero = vdupq_n_u8(0);
	uint16x8_t a_lo = vreinterpretq_u16_u8(vzip1q_u8(a, zero));
	uint16x8_t a_hi = vreinterpretq_u16_u8(vzip2q_u8(a, zero));
	uint16x8_t b_lo = vreinterpretq_u16_u8(vzip1q_u8(b, zero));
	uint16x8_t b_hi = vreinterpretq_u16_u8(vzip2q_u8(b, zero));

	return (vi){{vreinterpretq_s32_u16(vzip1q_u16(a_lo, b_lo)),
		     vreinterpretq_s32_u16(vzip2q_u16(a_lo, b_lo)),
		     vreinterpretq_s32_u16(vzip1q_u16(a_hi, b_hi)),
		     vreinterpretq_s32_u16(vzip2q_u16(a_hi, b_hi))}};
}

SIMD vi vi_dot_pairs(vi acc, vi pairs, int32_t pair)
{
	int16x8_t both = vreinterpretq_s16_s32(vdupq_n_s32(pair));

	QUARTERS
	{
		int16x8_t p = vreinterpretq_s16_s32(pairs.v[i]);
		int32x4_t lo = vmull_s16(vget_low_s16(p), vget_low_s16(both));

		acc.v[i] = vaddq_s32(acc.v[i], vpaddq_s32(lo, vmull_high_s16(p, both)));
	}
	return acc;
}
