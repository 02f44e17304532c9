// SPDX-License-Identifier: MIT
/*
 * Owns the table of storage types and the plain expansion of each block to floats, which is the
 * oracle of every faster one. Refuses to know about files, packing or devices.
 */
#include <string.h>

#include "array.h"
#include "tensor_type.h"

static uint16_t load_u16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint32_t load_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static float load_half(const uint8_t *at)
{
	return half_to_float(load_u16(at));
}

float half_to_float(uint16_t half)
{
	uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
	uint32_t exponent = (half >> 10) & 31;
	uint32_t mantissa = half & 0x3ffu;
	union {
		uint32_t u;
		float f;
	} value;

	if (exponent == 31) {
		value.u = sign | 0x7f800000u | mantissa << 13;
	} else if (exponent != 0) {
		value.u = sign | (exponent + 112) << 23 | mantissa << 13;
	} else {
		value.f = (float)mantissa * 0x1p-24f;
		value.u |= sign;
	}
	return value.f;
}

uint16_t float_to_half(float number)
{
	union {
		float f;
		uint32_t u;
	} value = {.f = number};
	uint16_t sign = (uint16_t)(value.u >> 16 & 0x8000u);
	uint32_t magnitude = value.u & 0x7fffffffu;

	if (magnitude > 0x7f800000u)
		return sign | 0x7e00u;
	if (magnitude >= 0x47800000u) /* 65536 and more */
		return sign | 0x7c00u;
	if (magnitude < 0x38800000u) { /* below the smallest normal half */
		value.u = magnitude;
		/* Adding 0.5 lets the FPU round to a multiple of 2^-24, to nearest even. */
		value.f += 0.5f;
		return sign | (uint16_t)(value.u - 0x3f000000u);
	}
	magnitude += 0xfffu + (magnitude >> 13 & 1);
	return sign | (uint16_t)((magnitude - 0x38000000u) >> 13);
}

static void expand_f32(const uint8_t *blocks, float *out, size_t n)
{
	memcpy(out, blocks, n * sizeof(*out));
}

static void expand_f16(const uint8_t *blocks, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = load_half(blocks + 2 * i);
}

static void expand_bf16(const uint8_t *blocks, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = bfloat16_to_float(load_u16(blocks + 2 * i));
}

/* Q4_0: half d, 16 bytes; byte j holds value j low and value j + 16 high. w = d * (q - 8) */
static void expand_q4_0(const uint8_t *at, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++, at += 18, out += 32) {
		float d = load_half(at);

		for (int j = 0; j < 16; j++) {
			out[j] = d * (float)((at[2 + j] & 15) - 8);
			out[j + 16] = d * (float)((at[2 + j] >> 4) - 8);
		}
	}
}

/* Q4_1: half d, half m, 16 bytes. w = d * q + m */
static void expand_q4_1(const uint8_t *at, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++, at += 20, out += 32) {
		float d = load_half(at), m = load_half(at + 2);

		for (int j = 0; j < 16; j++) {
			out[j] = d * (float)(at[4 + j] & 15) + m;
			out[j + 16] = d * (float)(at[4 + j] >> 4) + m;
		}
	}
}

/* The 5-bit code of value J (0 to 31): QH holds the fifth bits, QS the nibbles. */
static int code_q5(uint32_t qh, const uint8_t *qs, int j)
{
	int low = j < 16 ? qs[j] & 15 : qs[j - 16] >> 4;

	return low | (int)(qh >> j & 1) << 4;
}

/* Q5_0: half d, u32 qh, 16 bytes. w = d * (q - 16) */
static void expand_q5_0(const uint8_t *at, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++, at += 22, out += 32) {
		float d = load_half(at);
		uint32_t qh = load_u32(at + 2);

		for (int j = 0; j < 32; j++)
			out[j] = d * (float)(code_q5(qh, at + 6, j) - 16);
	}
}

/* Q5_1: half d, half m, u32 qh, 16 bytes. w = d * q + m */
static void expand_q5_1(const uint8_t *at, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++, at += 24, out += 32) {
		float d = load_half(at), m = load_half(at + 2);
		uint32_t qh = load_u32(at + 4);

		for (int j = 0; j < 32; j++)
			out[j] = d * (float)code_q5(qh, at + 8, j) + m;
	}
}

/* Q8_0: half d, 32 signed bytes. w = d * q */
static void expand_q8_0(const uint8_t *at, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++, at += 34, out += 32) {
		float d = load_half(at);

		for (int j = 0; j < 32; j++)
			out[j] = d * (float)(int8_t)at[2 + j];
	}
}

/* The 6-bit scale and minimum of sub-block J (0 to 7) out of the 12 bytes S of Q4_K and Q5_K. */
static void scale_min_k(const uint8_t *s, int j, int *ret_scale, int *ret_min)
{
	if (j < 4) {
		*ret_scale = s[j] & 63;
		*ret_min = s[j + 4] & 63;
	} else {
		*ret_scale = (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
		*ret_min = (s[j + 4] >> 4) | (s[j] >> 6) << 4;
	}
}

/* Q4_K: half d, half dmin, 12 scale bytes, 128 bytes: per 64 values 32 bytes, low nibbles first. */
static void expand_q4_k(const uint8_t *at, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++, at += 144, out += 256) {
		float d = load_half(at), dmin = load_half(at + 2);

		for (int j = 0; j < 8; j++) {
			const uint8_t *qs = at + 16 + j / 2 * 32;
			int sc, m;

			scale_min_k(at + 4, j, &sc, &m);
			for (int l = 0; l < 32; l++) {
				int q = j % 2 ? qs[l] >> 4 : qs[l] & 15;

				out[32 * j + l] = d * (float)sc * (float)q - dmin * (float)m;
			}
		}
	}
}

/* Q5_K: as Q4_K with 32 bytes of fifth bits before the nibbles: bit j of byte l is sub-block j's. */
static void expand_q5_k(const uint8_t *at, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++, at += 176, out += 256) {
		float d = load_half(at), dmin = load_half(at + 2);

		for (int j = 0; j < 8; j++) {
			const uint8_t *qs = at + 48 + j / 2 * 32;
			int sc, m;

			scale_min_k(at + 4, j, &sc, &m);
			for (int l = 0; l < 32; l++) {
				int q = j % 2 ? qs[l] >> 4 : qs[l] & 15;

				q |= (at[16 + l] >> j & 1) << 4;
				out[32 * j + l] = d * (float)sc * (float)q - dmin * (float)m;
			}
		}
	}
}

/* Q6_K: 128 low-nibble bytes, 64 bytes of upper two bits, 16 signed scales, half d.
 * Per 128 values, position l of 32 gives four values 32 apart. w = d * scale * (q - 32) */
static void expand_q6_k(const uint8_t *at, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++, at += 210, out += 256) {
		float d = load_half(at + 208);

		for (int j = 0; j < 256; j++) {
			int half = j / 128, quarter = j / 32 % 4, l = j % 32;
			const uint8_t *ql = at + 64 * half + 32 * (quarter & 1);
			const uint8_t *qh = at + 128 + 32 * half;
			int low = quarter < 2 ? ql[l] & 15 : ql[l] >> 4;
			int q = low | (qh[l] >> 2 * quarter & 3) << 4;

			out[j] = d * (float)(int8_t)at[192 + j / 16] * (float)(q - 32);
		}
	}
}

/* Q2_K: 16 bytes (scale low, minimum high), 64 bytes of codes, half d, half dmin.
 * Per 128 values, byte l of 32 holds four codes 32 apart. w = d * scale * q - dmin * min */
static void expand_q2_k(const uint8_t *at, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++, at += 84, out += 256) {
		float d = load_half(at + 80), dmin = load_half(at + 82);

		for (int j = 0; j < 256; j++) {
			int scale = at[j / 16] & 15, min = at[j / 16] >> 4;
			int q = at[16 + 32 * (j / 128) + j % 32] >> 2 * (j / 32 % 4) & 3;

			out[j] = d * (float)scale * (float)q - dmin * (float)min;
		}
	}
}

/* The signed scale of sub-block J (0 to 15) out of the 12 bytes S of Q3_K. */
static int scale_q3_k(const uint8_t *s, int j)
{
	int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4;

	return (low | (s[8 + j % 4] >> 2 * (j / 4) & 3) << 4) - 32;
}

/* Q3_K: 32 bytes of third bits (bit b of byte l: value 32 b + l), 64 bytes of lower two bits as in
 * Q2_K, 12 scale bytes, half d. w = d * scale * (q - 4) */
static void expand_q3_k(const uint8_t *at, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++, at += 110, out += 256) {
		float d = load_half(at + 108);

		for (int j = 0; j < 256; j++) {
			int q = at[32 + 32 * (j / 128) + j % 32] >> 2 * (j / 32 % 4) & 3;

			q |= (at[j % 32] >> j / 32 & 1) << 2;
			out[j] = d * (float)scale_q3_k(at + 96, j / 16) * (float)(q - 4);
		}
	}
}

const int8_t tensor_values_iq4[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
				      1,    13,	  25,  38,  53,	 69,  89,  113};
const int8_t tensor_values_mxfp4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/* 32 nibbles as in Q4_0, each standing for one of VALUES. */
static void expand_nibbles(const uint8_t *qs, const int8_t *values, float d, float *out)
{
	for (int j = 0; j < 16; j++) {
		out[j] = d * (float)values[qs[j] & 15];
		out[j + 16] = d * (float)values[qs[j] >> 4];
	}
}

/* IQ4_NL: half d, 16 bytes. w = d * value[q] */
static void expand_iq4_nl(const uint8_t *at, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++, at += 18, out += 32)
		expand_nibbles(at + 2, tensor_values_iq4, load_half(at), out);
}

/* IQ4_XS: half d, u16 of upper scale bits, 4 bytes of lower, 8 sub-blocks of 16 bytes.
 * w = d * (scale - 32) * value[q] */
static void expand_iq4_xs(const uint8_t *at, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++, at += 136, out += 256) {
		float d = load_half(at);

		for (int b = 0; b < 8; b++) {
			int scale = (at[4 + b / 2] >> 4 * (b % 2) & 15) |
				    (load_u16(at + 2) >> 2 * b & 3) << 4;

			expand_nibbles(at + 8 + 16 * b, tensor_values_iq4, d * (float)(scale - 32),
				       out + 32 * b);
		}
	}
}

/* MXFP4: an exponent byte e, 16 bytes. w = 2^(e - 128) * value[q], the values being doubled */
static void expand_mxfp4(const uint8_t *at, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++, at += 17, out += 32)
		expand_nibbles(at + 1, tensor_values_mxfp4,
			       bfloat16_to_float(mxfp4_scale_to_bfloat16(at[0])), out);
}

static const struct tensor_type_info types[TENSOR_TYPE_IDS] = {
	[TENSOR_F32] = {"F32", 1, 4, expand_f32},
	[TENSOR_F16] = {"F16", 1, 2, expand_f16},
	[TENSOR_Q4_0] = {"Q4_0", 32, 18, expand_q4_0},
	[TENSOR_Q4_1] = {"Q4_1", 32, 20, expand_q4_1},
	[TENSOR_Q5_0] = {"Q5_0", 32, 22, expand_q5_0},
	[TENSOR_Q5_1] = {"Q5_1", 32, 24, expand_q5_1},
	[TENSOR_Q8_0] = {"Q8_0", 32, 34, expand_q8_0},
	[9] = {"Q8_1", 32, 36, NULL},
	[TENSOR_Q2_K] = {"Q2_K", 256, 84, expand_q2_k},
	[TENSOR_Q3_K] = {"Q3_K", 256, 110, expand_q3_k},
	[TENSOR_Q4_K] = {"Q4_K", 256, 144, expand_q4_k},
	[TENSOR_Q5_K] = {"Q5_K", 256, 176, expand_q5_k},
	[TENSOR_Q6_K] = {"Q6_K", 256, 210, expand_q6_k},
	[15] = {"Q8_K", 256, 292, NULL},
	[16] = {"IQ2_XXS", 256, 66, NULL},
	[17] = {"IQ2_XS", 256, 74, NULL},
	[18] = {"IQ3_XXS", 256, 98, NULL},
	[19] = {"IQ1_S", 256, 50, NULL},
	[TENSOR_IQ4_NL] = {"IQ4_NL", 32, 18, expand_iq4_nl},
	[21] = {"IQ3_S", 256, 110, NULL},
	[22] = {"IQ2_S", 256, 82, NULL},
	[TENSOR_IQ4_XS] = {"IQ4_XS", 256, 136, expand_iq4_xs},
	[24] = {"I8", 1, 1, NULL},
	[25] = {"I16", 1, 2, NULL},
	[26] = {"I32", 1, 4, NULL},
	[27] = {"I64", 1, 8, NULL},
	[28] = {"F64", 1, 8, NULL},
	[29] = {"IQ1_M", 256, 56, NULL},
	[TENSOR_BF16] = {"BF16", 1, 2, expand_bf16},
	[34] = {"TQ1_0", 256, 54, NULL},
	[35] = {"TQ2_0", 256, 66, NULL},
	[TENSOR_MXFP4] = {"MXFP4", 32, 17, expand_mxfp4},
};

const struct tensor_type_info *tensor_type_info(uint32_t id)
{
	return id < ARRAY_SIZE(types) && types[id].name ? &types[id] : NULL;
}

bool tensor_type_supported(uint32_t id)
{
	const struct tensor_type_info *info = tensor_type_info(id);

	return info && info->dequantize;
}

void tensor_row_to_float(enum tensor_type type, const void *row, float *ret_values, size_t n_values)
{
	const struct tensor_type_info *info = &types[type];

	info->dequantize(row, ret_values, n_values / info->block_values);
}
