/* SPDX-License-Identifier: MIT */
/* The vector vocabulary in plain C, for processors without a set of their own. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "tensor_type.h"

#define SIMD static inline __attribute__((always_inline))

typedef struct {
	float v[16];
} vf;

typedef struct {
	int32_t v[16];
} vi;

typedef struct {
	uint8_t v[64];
} vb;

#define SIMD_FEW_REGISTERS
enum { SIMD_MAX_WIDTH = 4 };

#define SIMD_Q8_NEEDS 0

#define LANES for (int i = 0; i < 16; i++)
#define BYTES for (int i = 0; i < 64; i++)

SIMD vf vf_set1(float x)
{
	vf r;

	LANES r.v[i] = x;
	return r;
}

SIMD vf vf_zero(void)
{
	return vf_set1(0);
}

SIMD vf vf_load(const float *p)
{
	vf r;

	memcpy(r.v, p, sizeof(r.v));
	return r;
}

SIMD void vf_store(float *p, vf x)
{
	memcpy(p, x.v, sizeof(x.v));
}

SIMD vf vf_load_n(const float *p, uint32_t n)
{
	vf r = vf_zero();

	memcpy(r.v, p, n * sizeof(*p));
	return r;
}

SIMD void vf_store_n(float *p, vf x, uint32_t n)
{
	memcpy(p, x.v, n * sizeof(*p));
}

SIMD vf vf_load_f16(const uint8_t *p)
{
	uint16_t halves[16];
	vf r;

	memcpy(halves, p, sizeof(halves));
	LANES r.v[i] = half_to_float(halves[i]);
	return r;
}

SIMD void vf_store_f16(uint8_t *p, vf x)
{
	uint16_t halves[16];

	LANES halves[i] = float_to_half(x.v[i]);
	memcpy(p, halves, sizeof(halves));
}

SIMD vf vf_load_bf16(const uint8_t *p)
{
	uint16_t bits[16];
	vf r;

	memcpy(bits, p, sizeof(bits));
	LANES r.v[i] = bfloat16_to_float(bits[i]);
	return r;
}

SIMD vf vf_load_u8(const uint8_t *p)
{
	vf r;

	LANES r.v[i] = p[i];
	return r;
}

SIMD vf vf_load_i8(const uint8_t *p)
{
	vf r;

	LANES r.v[i] = (int8_t)p[i];
	return r;
}

SIMD void vf_store_i8(int8_t *p, vf x)
{
	LANES p[i] = (int8_t)nearbyintf(x.v[i]);
}

SIMD vf vf_add(vf a, vf b)
{
	LANES a.v[i] += b.v[i];
	return a;
}

SIMD vf vf_sub(vf a, vf b)
{
	LANES a.v[i] -= b.v[i];
	return a;
}

SIMD vf vf_mul(vf a, vf b)
{
	LANES a.v[i] *= b.v[i];
	return a;
}

SIMD vf vf_div(vf a, vf b)
{
	LANES a.v[i] /= b.v[i];
	return a;
}

SIMD vf vf_max(vf a, vf b)
{
	LANES a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
	return a;
}

SIMD vf vf_min(vf a, vf b)
{
	LANES a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i];
	return a;
}

SIMD vf vf_abs(vf a)
{
	LANES a.v[i] = fabsf(a.v[i]);
	return a;
}

SIMD vf vf_fma(vf a, vf b, vf c)
{
	LANES c.v[i] += a.v[i] * b.v[i];
	return c;
}

SIMD vf vf_round(vf a)
{
	LANES a.v[i] = nearbyintf(a.v[i]);
	return a;
}

SIMD vf vf_exp2_whole(vf n)
{
	vf r;

	LANES
	{
		uint32_t bits = (uint32_t)((int32_t)n.v[i] + 127) << 23;

		memcpy(&r.v[i], &bits, sizeof(bits));
	}
	return r;
}

SIMD float vf_sum(vf a)
{
	float sum = 0;

	LANES sum += a.v[i];
	return sum;
}

SIMD float vf_largest(vf a)
{
	float largest = a.v[0];

	LANES largest = a.v[i] > largest ? a.v[i] : largest;
	return largest;
}

SIMD vf vf_from_vi(vi a)
{
	vf r;

	LANES r.v[i] = (float)a.v[i];
	return r;
}

SIMD vi vi_set1(int32_t x)
{
	vi r;

	LANES r.v[i] = x;
	return r;
}

SIMD vi vi_zero(void)
{
	return vi_set1(0);
}

SIMD int32_t sum_i8(const int8_t *p)
{
	int32_t sum = 0;

	LANES sum += p[i];
	return sum;
}

SIMD void sum_halves_i8(const int8_t *p, int32_t sums[2])
{
	sums[0] = sum_i8(p);
	sums[1] = sum_i8(p + 16);
}

SIMD vf vf_rotate_pairs(vf xy, vf cs)
{
	vf r;

	for (int i = 0; i < 16; i += 2) {
		r.v[i] = xy.v[i] * cs.v[i] - xy.v[i + 1] * cs.v[i + 1];
		r.v[i + 1] = xy.v[i] * cs.v[i + 1] + xy.v[i + 1] * cs.v[i];
	}
	return r;
}

SIMD void vf_load_split(const float *p, vf *ret_even, vf *ret_odd)
{
	LANES
	{
		ret_even->v[i] = p[2 * i];
		ret_odd->v[i] = p[2 * i + 1];
	}
}

SIMD vb vb_load(const uint8_t *p)
{
	vb r;

	memcpy(r.v, p, sizeof(r.v));
	return r;
}

SIMD vb vb_low(vb x)
{
	BYTES x.v[i] &= 15;
	return x;
}

SIMD vb vb_high(vb x)
{
	BYTES x.v[i] >>= 4;
	return x;
}

SIMD vb vb_with_fifth(vb nibble, vb fifth, unsigned g)
{
	BYTES nibble.v[i] |= (uint8_t)((fifth.v[i] >> g & 1) << 4);
	return nibble;
}

SIMD vb vb_with_upper(vb nibble, vb upper, unsigned p)
{
	BYTES nibble.v[i] |= (uint8_t)((upper.v[i] >> 2 * p & 3) << 4);
	return nibble;
}

SIMD vb vb_q8(vb w)
{
	return w;
}

SIMD vi vi_dot(vi acc, vb w, const int8_t *a)
{
	LANES acc.v[i] += w.v[4 * i] * a[0] + w.v[4 * i + 1] * a[1] + w.v[4 * i + 2] * a[2] +
			  w.v[4 * i + 3] * a[3];
	return acc;
}

SIMD vi vi_dot_q8(vi acc, vb w, const int8_t *a)
{
	LANES acc.v[i] += (int8_t)w.v[4 * i] * a[0] + (int8_t)w.v[4 * i + 1] * a[1] +
			  (int8_t)w.v[4 * i + 2] * a[2] + (int8_t)w.v[4 * i + 3] * a[3];
	return acc;
}

SIMD vb vb_pairs(vb x, unsigned p)
{
	BYTES x.v[i] = x.v[i] >> 2 * p & 3;
	return x;
}

SIMD vb vb_with_third(vb pair, vb third, unsigned g)
{
	BYTES pair.v[i] |= (uint8_t)((third.v[i] >> g & 1) << 2);
	return pair;
}

SIMD vb vb_rows(const uint8_t *p)
{
	vb r;

	BYTES r.v[i] = p[i / 4];
	return r;
}

SIMD vb vb_abs(vb x)
{
	BYTES x.v[i] = (int8_t)x.v[i] < 0 ? (uint8_t)-x.v[i] : x.v[i];
	return x;
}

SIMD vb vb_add(vb a, vb b)
{
	BYTES a.v[i] = (uint8_t)(a.v[i] + b.v[i]);
	return a;
}

SIMD vb vb_times(vb codes, vb rows)
{
	BYTES codes.v[i] = (uint8_t)(codes.v[i] * rows.v[i]);
	return codes;
}

SIMD vb vb_offset_q3(vb s)
{
	BYTES s.v[i] = (uint8_t)((int8_t)s.v[i] < 0 ? 3 * s.v[i] : -4 * s.v[i]);
	return s;
}

SIMD vb vb_table(const int8_t values[16])
{
	vb r = {0};

	memcpy(r.v, values, 16);
	return r;
}

SIMD vb vb_lookup(vb table, vb nibbles)
{
	BYTES nibbles.v[i] = table.v[nibbles.v[i]];
	return nibbles;
}

SIMD vi vi_high_pairs(const uint8_t *p, const uint8_t *q)
{
	vi r;

	LANES r.v[i] = p[i] >> 4 | q[i] >> 4 << 16;
	return r;
}

SIMD vi vi_dot_pairs(vi acc, vi pairs, int32_t pair)
{
	LANES acc.v[i] += (pairs.v[i] & 0xffff) * (int16_t)pair + (pairs.v[i] >> 16) * (pair >> 16);
	return acc;
}
