// SPDX-License-Identifier: MIT
/*
 * Owns the search for scales. Fitting works the same way everywhere: for a number of guesses at the
 * scale the codes follow by rounding, for those codes the best scale follows by linear least squares,
 * and the guess that leaves the smallest error wins.
 */
#include <math.h>
#include <string.h>

#include "array.h"
#include "quantize_row.h"

enum {
	BLOCK = 32,
	SUPER = 256,
	GUESSES = 9, /* to either side of the plain scale */
};

/* By how much a guess stretches the range of codes, in codes. */
static const float GUESS_STEP = 0.1f;

static void store_half(uint8_t *at, uint16_t half)
{
	memcpy(at, &half, sizeof(half));
}

/* Rounds *SCALE to the nearest finite half, and gives its bits. */
static uint16_t round_to_half(float *scale)
{
	uint16_t half = float_to_half(fminf(fmaxf(*scale, -65504), 65504));

	*scale = half_to_float(half);
	return half;
}

static float inverse_of(float scale)
{
	float inverse = 1 / scale;

	return isfinite(inverse) ? inverse : 0;
}

static int round_code(float x, int least, int most)
{
	return (int)lrintf(fminf(fmaxf(x, (float)least), (float)most));
}

/* The value of largest magnitude, with its sign. */
static float find_extreme(const float *x, int n)
{
	float extreme = 0;

	for (int i = 0; i < n; i++) {
		if (fabsf(x[i]) > fabsf(extreme))
			extreme = x[i];
	}
	return extreme;
}

/*
 * The scale s for which s q is nearest to the N values X, q being a code from -HALF to HALF - 1. For
 * given codes s = sum(x q) / sum(q q), and what that takes off the error is sum(x q)^2 / sum(q q).
 */
static float fit_scale(const float *x, int n, int half)
{
	float extreme = find_extreme(x, n), best_gain = 0, best = 0;

	if (extreme == 0)
		return 0;
	for (int guess = -GUESSES; guess <= GUESSES; guess++) {
		float inverse = -((float)half + GUESS_STEP * (float)guess) / extreme;
		float xq = 0, qq = 0;

		for (int i = 0; i < n; i++) {
			float q = (float)round_code(x[i] * inverse, -half, half - 1);

			xq += x[i] * q;
			qq += q * q;
		}
		if (qq > 0 && xq * xq > best_gain * qq) {
			best_gain = xq * xq / qq;
			best = xq / qq;
		}
	}
	return best;
}

/* ---- a scale per block ---- */

static void store_q8_0(const float *x, uint8_t *block)
{
	float d = fabsf(find_extreme(x, BLOCK)) / 127, inverse;

	store_half(block, round_to_half(&d));
	inverse = inverse_of(d);
	for (int i = 0; i < BLOCK; i++)
		block[2 + i] = (uint8_t)round_code(x[i] * inverse, -127, 127);
}

static void store_nibble(uint8_t *nibbles, int i, int code)
{
	nibbles[i % 16] |= (uint8_t)((code & 15) << (i < 16 ? 0 : 4));
}

static void store_q4_0(const float *x, uint8_t *block)
{
	float d = fit_scale(x, BLOCK, 8), inverse;

	memset(block, 0, 18);
	store_half(block, round_to_half(&d));
	inverse = inverse_of(d);
	for (int i = 0; i < BLOCK; i++)
		store_nibble(block + 2, i, round_code(x[i] * inverse, -8, 7) + 8);
}

static void store_q5_0(const float *x, uint8_t *block)
{
	float d = fit_scale(x, BLOCK, 16), inverse;

	memset(block, 0, 22);
	store_half(block, round_to_half(&d));
	inverse = inverse_of(d);
	for (int i = 0; i < BLOCK; i++) {
		int code = round_code(x[i] * inverse, -16, 15) + 16;

		store_nibble(block + 6, i, code);
		block[2 + i / 8] |= (uint8_t)(code >> 4 << i % 8);
	}
}

/* ---- Q6_K: a scale per 16 values, 8 bits of it ---- */

static void store_code_q6_k(uint8_t *block, int i, int code)
{
	int half = i / 128, quarter = i / 32 % 4, l = i % 32;

	block[64 * half + 32 * (quarter & 1) + l] |=
		(uint8_t)((code & 15) << (quarter < 2 ? 0 : 4));
	block[128 + 32 * half + l] |= (uint8_t)(code >> 4 << 2 * quarter);
}

static void store_q6_k(const float *x, uint8_t *block)
{
	float scales[16], d, inverse;

	memset(block, 0, 210);
	for (int j = 0; j < 16; j++)
		scales[j] = fit_scale(x + 16 * j, 16, 32);
	d = find_extreme(scales, 16) / -128;
	store_half(block + 208, round_to_half(&d));
	inverse = inverse_of(d);
	for (int j = 0; j < 16; j++) {
		int scale = round_code(scales[j] * inverse, -128, 127);
		float to_code = inverse_of(d * (float)scale);

		block[192 + j] = (uint8_t)scale;
		for (int i = 16 * j; i < 16 * j + 16; i++)
			store_code_q6_k(block, i, round_code(x[i] * to_code, -32, 31) + 32);
	}
}

/* ---- Q4_K: a scale and a minimum per 32 values, 6 bits of each ---- */

/* x is about scale q - min, q from 0 to 15; both are 0 or more. */
struct line {
	float scale;
	float min;
};

struct sums {
	float w, x, q, xx, xq, qq; /* of the weights, and of the products with them */
};

/* The best line for given codes, and in *RET_ERROR what it leaves; false when there is none. */
static bool solve_line(const struct sums *s, struct line *ret, float *ret_error)
{
	float determinant = s->w * s->qq - s->q * s->q, scale = 0, offset = 1;

	/* Where all codes are alike it is rounding that is left. */
	if (determinant > 1e-5f * s->w * s->qq) {
		scale = (s->w * s->xq - s->x * s->q) / determinant;
		offset = (s->qq * s->x - s->q * s->xq) / determinant;
	}
	if (offset > 0) { /* a minimum cannot be above 0 */
		offset = 0;
		scale = s->xq / s->qq;
	}
	if (!(scale > 0))
		return false;
	*ret_error = s->xx - 2 * (scale * s->xq + offset * s->x) + scale * scale * s->qq +
		     2 * scale * offset * s->q + offset * offset * s->w;
	*ret = (struct line){scale, -offset};
	return true;
}

/*
 * Large values count for more, as they move the sums of a product more; a part of the weight is the
 * same for all.
 */
static void weigh(const float *x, float weights[BLOCK])
{
	float square = 0;

	for (int i = 0; i < BLOCK; i++)
		square += x[i] * x[i];
	for (int i = 0; i < BLOCK; i++)
		weights[i] = sqrtf(square / BLOCK) + fabsf(x[i]);
}

static void add_up(const float *x, const float *weights, float inverse, float least,
		   struct sums *ret)
{
	struct sums s = {0};

	for (int i = 0; i < BLOCK; i++) {
		float w = weights[i], q = (float)round_code((x[i] - least) * inverse, 0, 15);

		s.w += w;
		s.x += w * x[i];
		s.q += w * q;
		s.xx += w * x[i] * x[i];
		s.xq += w * x[i] * q;
		s.qq += w * q * q;
	}
	*ret = s;
}

static struct line fit_line(const float *x)
{
	float weights[BLOCK], least = 0, most = x[0], best_error = INFINITY;
	struct line best = {0};

	for (int i = 0; i < BLOCK; i++) {
		least = fminf(least, x[i]);
		most = fmaxf(most, x[i]);
	}
	if (!(most > least))
		return (struct line){0, -least};
	weigh(x, weights);
	for (int guess = -2 * GUESSES; guess <= GUESSES; guess++) {
		float error, inverse = (15 + GUESS_STEP * (float)guess) / (most - least);
		struct line line;
		struct sums sums;

		add_up(x, weights, inverse, least, &sums);
		if (solve_line(&sums, &line, &error) && error < best_error) {
			best_error = error;
			best = line;
		}
	}
	return best;
}

static void store_scale_min(uint8_t *s, int j, int scale, int min)
{
	if (j < 4) {
		s[j] = (uint8_t)scale;
		s[j + 4] = (uint8_t)min;
		return;
	}
	s[j + 4] = (uint8_t)((scale & 15) | (min & 15) << 4);
	s[j - 4] |= (uint8_t)(scale >> 4 << 6);
	s[j] |= (uint8_t)(min >> 4 << 6);
}

static void store_q4_k(const float *x, uint8_t *block)
{
	float d = 0, dmin = 0;
	struct line lines[8];

	memset(block, 0, 144);
	for (int j = 0; j < 8; j++) {
		lines[j] = fit_line(x + BLOCK * j);
		d = fmaxf(d, lines[j].scale / 63);
		dmin = fmaxf(dmin, lines[j].min / 63);
	}
	store_half(block, round_to_half(&d));
	store_half(block + 2, round_to_half(&dmin));
	for (int j = 0; j < 8; j++) {
		int scale = round_code(lines[j].scale * inverse_of(d), 0, 63);
		int min = round_code(lines[j].min * inverse_of(dmin), 0, 63);
		float to_code = inverse_of(d * (float)scale), offset = dmin * (float)min;
		uint8_t *nibbles = block + 16 + 32 * (j / 2);

		store_scale_min(block + 4, j, scale, min);
		for (int i = 0; i < BLOCK; i++) {
			int code = round_code((x[BLOCK * j + i] + offset) * to_code, 0, 15);

			nibbles[i] |= (uint8_t)(code << 4 * (j % 2));
		}
	}
}

/* ---- */

static void store_f16(const float *x, uint8_t *block)
{
	store_half(block, float_to_half(*x));
}

static void store_f32(const float *x, uint8_t *block)
{
	memcpy(block, x, sizeof(*x));
}

typedef void (*store_fn)(const float *values, uint8_t *ret_block);

static store_fn store_of(enum tensor_type type)
{
	static const struct {
		enum tensor_type type;
		store_fn store;
	} stores[] = {
		{TENSOR_F32, store_f32},   {TENSOR_F16, store_f16},   {TENSOR_Q4_0, store_q4_0},
		{TENSOR_Q5_0, store_q5_0}, {TENSOR_Q8_0, store_q8_0}, {TENSOR_Q4_K, store_q4_k},
		{TENSOR_Q6_K, store_q6_k},
	};

	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		if (stores[i].type == type)
			return stores[i].store;
	}
	return NULL;
}

bool quantize_row_supported(enum tensor_type type)
{
	return store_of(type) != NULL;
}

void quantize_row(enum tensor_type type, const float *values, void *ret_row, size_t n_values)
{
	const struct tensor_type_info *info = tensor_type_info(type);
	store_fn store = store_of(type);
	uint8_t *block = ret_row;

	for (size_t i = 0; i < n_values; i += info->block_values, block += info->block_bytes) {
		float finite[SUPER];

		for (unsigned k = 0; k < info->block_values; k++)
			finite[k] = isfinite(values[i + k]) ? values[i + k] : 0;
		store(finite, block);
	}
}
