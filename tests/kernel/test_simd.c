// SPDX-License-Identifier: MIT
/*
 * Each instruction set's table of CPU kernels against the plain C one, function by function. Small
 * enough to be cross-compiled and run under an emulator, which is how NEON is tested on x86.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "kernels.h"
#include "tiny_model.h"

enum { COLUMNS = 512, BLOCKS = COLUMNS / 32, HEAD_DIM = 96, ROUNDS = 8 };

static const enum tensor_type types[] = {
	TENSOR_F32,  TENSOR_F16,    TENSOR_BF16,   TENSOR_Q4_0,	 TENSOR_Q4_1, TENSOR_Q5_0,
	TENSOR_Q5_1, TENSOR_Q8_0,   TENSOR_Q2_K,   TENSOR_Q3_K,	 TENSOR_Q4_K, TENSOR_Q5_K,
	TENSOR_Q6_K, TENSOR_IQ4_NL, TENSOR_IQ4_XS, TENSOR_MXFP4,
};

static const uint32_t widths[] = {1, 2, 4, 8, 12};

static uint64_t seed = 1;
static unsigned n_run, n_failed;

static float random_float(void)
{
	uint8_t bytes[4];
	float value;

	random_row(&seed, TENSOR_F32, 1, 1, bytes);
	memcpy(&value, bytes, sizeof(value));
	return value;
}

static void random_floats(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = random_float() * (i % 61 == 0 ? 6 : 1);
}

static void compare(const char *set, const char *what, const float *wanted, const float *got,
		    size_t n, double limit)
{
	double error = 0, power = 0;

	for (size_t i = 0; i < n; i++) {
		double difference = (double)wanted[i] - (double)got[i];

		error += isfinite(got[i]) ? difference * difference : INFINITY;
		power += (double)wanted[i] * (double)wanted[i];
	}
	n_run++;
	if (error <= limit * power)
		return;
	n_failed++;
	(void)printf("FAILED %s %s: NMSE %.3g, limit %.3g\n", set, what, error / power, limit);
}

/* Activations for one table, laid out for its own width. */
struct activations {
	struct activation_tile tile;
	int8_t codes[BLOCKS * TILE_WIDTH_MAX * 32];
	float d[BLOCKS * TILE_WIDTH_MAX], s[BLOCKS * TILE_WIDTH_MAX];
	int32_t init[6][2 * BLOCKS * TILE_WIDTH_MAX];
	float x[COLUMNS * TILE_WIDTH_MAX];
};

static void prepare(struct activations *a, const struct cpu_kernels *kernels, uint32_t needs,
		    const float *rows, uint32_t n_cols, uint32_t width)
{
	a->tile = (struct activation_tile){
		.width = width,
		.codes = a->codes,
		.d = a->d,
		.s = a->s,
		.init_8 = a->init[0],
		.init_16 = a->init[1],
		.init_128 = a->init[2],
		.init_32 = a->init[3],
		.halves = a->init[4],
		.x = a->x,
	};
	for (uint32_t t = 0; t < width; t++) {
		const float *row = rows + (size_t)t * COLUMNS;

		if (needs & NEED_CODES)
			kernels->quantize(row, n_cols, needs, t, &a->tile);
		for (uint32_t c = 0; c < n_cols; c++)
			a->x[c * width + t] = row[c];
	}
}

static void try_matmul(const struct cpu_kernels *kernels, enum tensor_type type, uint32_t n_cols)
{
	static struct activations ours, plain;
	static uint8_t tile[COLUMNS * 64 + 64];
	uint8_t rows[PACKED_ROWS][COLUMNS * 4];
	float x[TILE_WIDTH_MAX * COLUMNS], wanted[TILE_FLOATS], got[TILE_FLOATS];
	char what[64];

	random_floats(x, ARRAY_SIZE(x));
	for (int r = 0; r < PACKED_ROWS; r++)
		random_row(&seed, type, n_cols, 0.1f, rows[r]);
	packed_tile_write(type, rows[0], sizeof(rows[0]), PACKED_ROWS, n_cols, tile);
	for (size_t i = 0; i < ARRAY_SIZE(widths) && widths[i] <= kernels->max_width; i++) {
		uint32_t w = widths[i];

		(void)snprintf(what, sizeof(what), "%s width %u", tensor_type_info(type)->name, w);
		prepare(&ours, kernels, kernels->matmul[type].needs, x, n_cols, w);
		kernels->matmul[type].tile(tile, n_cols, &ours.tile, got);
		for (uint32_t t = 0; t < w; t++) {
			prepare(&plain, &cpu_kernels_plain, cpu_kernels_plain.matmul[type].needs,
				x + t * COLUMNS, n_cols, 1);
			cpu_kernels_plain.matmul[type].tile(tile, n_cols, &plain.tile,
							    wanted + t * PACKED_ROWS);
		}
		compare(kernels->name, what, wanted, got, w * PACKED_ROWS, 1e-11);
	}
}

static void try_rows(const struct cpu_kernels *kernels)
{
	float x[COLUMNS], y[COLUMNS], norm[COLUMNS], wanted[COLUMNS], got[COLUMNS];
	struct tile_output out = {.stride = PACKED_ROWS, .n_rows = 4, .n = 11};

	random_floats(x, COLUMNS);
	random_floats(y, COLUMNS);
	random_floats(norm, COLUMNS);
	for (uint32_t n = 1; n <= COLUMNS; n += 37) {
		cpu_kernels_plain.norm(x, norm, n, 1e-5f, y, wanted);
		kernels->norm(x, norm, n, 1e-5f, y, got);
		compare(kernels->name, "norm", wanted, got, n, 1e-11);
	}
	for (int activation = 0; activation < 2; activation++) {
		memset(wanted, 0, sizeof(wanted));
		memset(got, 0, sizeof(got));
		out.to = wanted;
		cpu_kernels_plain.glu((enum activation)activation, x, y, &out);
		out.to = got;
		kernels->glu((enum activation)activation, x, y, &out);
		compare(kernels->name, "glu", wanted, got, 4 * PACKED_ROWS, 1e-11);
	}
	for (int style = 0; style < 2; style++) {
		cpu_kernels_plain.rotate((enum rope_style)style, x, norm, 92, wanted);
		kernels->rotate((enum rope_style)style, x, norm, 92, got);
		compare(kernels->name, "rotate", wanted, got, 92, 1e-11);
	}
}

struct page_state {
	struct attention_tile tile;
	float max[TILE_WIDTH_MAX], sum[TILE_WIDTH_MAX], acc[TILE_WIDTH_MAX * HEAD_DIM];
	float scratch[2 * KV_PAGE * HEAD_DIM];
	uint8_t keys[KV_PAGE * HEAD_DIM * 4], values[KV_PAGE * HEAD_DIM * 4];
};

static void attend(const struct cpu_kernels *kernels, struct page_state *state, enum kv_type type,
		   const float *keys, const float *values, const float *q, uint32_t width,
		   const int32_t *first, const int32_t *last)
{
	struct kv_page page = {state->keys, state->values};

	memset(state, 0, sizeof(*state));
	state->tile = (struct attention_tile){width,	  HEAD_DIM,   type,	  q,
					      state->max, state->sum, state->acc, state->scratch};
	for (uint32_t t = 0; t < width; t++)
		state->max[t] = -3e38f;
	for (uint32_t cell = 0; cell < KV_PAGE; cell++) {
		kernels->store_key(type, keys + cell * HEAD_DIM, HEAD_DIM, cell, state->keys);
		kernels->store_value(type, values + cell * HEAD_DIM, HEAD_DIM, cell, state->values);
	}
	kernels->attend(&state->tile, &page, first, last);
	kernels->attend(&state->tile, &page, first, last);
}

static void try_attention(const struct cpu_kernels *kernels, enum kv_type type)
{
	static struct page_state ours, plain;
	static float keys[KV_PAGE * HEAD_DIM], values[KV_PAGE * HEAD_DIM];
	static const int32_t first[] = {0, 3, 64, 17}, last[] = {64, 40, 0, 18};
	float q[4 * HEAD_DIM];

	random_floats(keys, ARRAY_SIZE(keys));
	random_floats(values, ARRAY_SIZE(values));
	random_floats(q, ARRAY_SIZE(q));
	attend(&cpu_kernels_plain, &plain, type, keys, values, q, 4, first, last);
	attend(kernels, &ours, type, keys, values, q, 4, first, last);
	compare(kernels->name, "attention max", plain.max, ours.max, 4, 1e-9);
	compare(kernels->name, "attention sum", plain.sum, ours.sum, 4, 1e-9);
	compare(kernels->name, "attention acc", plain.acc, ours.acc, 4 * HEAD_DIM, 1e-9);
}

static void try_set(const struct cpu_kernels *kernels)
{
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
			uint32_t block = tensor_type_info(types[i])->block_values;

			try_matmul(kernels, types[i], COLUMNS);
			try_matmul(kernels, types[i], block == 1 ? 77 : block == 32 ? 96 : 256);
		}
		try_rows(kernels);
		try_attention(kernels, KV_F16);
		try_attention(kernels, KV_Q8_0);
	}
}

int main(void)
{
#if defined(__x86_64__)
	/* Every processor with AVX2 has had F16C too. */
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		try_set(&cpu_kernels_avx2);
	if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
		try_set(&cpu_kernels_avx512vnni);
#elif defined(__aarch64__)
	try_set(&cpu_kernels_neon);
#endif
	(void)printf("%u comparisons, %u failed\n", n_run, n_failed);
	return n_run == 0 ? 77 : n_failed > 0;
}
