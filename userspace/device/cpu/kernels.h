/* SPDX-License-Identifier: MIT */
/*
 * What an instruction set implements: the inner functions of the CPU device. One table per set, all
 * made from the same templates in kernels/ over a small vector vocabulary (kernels/simd_*.h), so
 * that every set computes the same sums: integer sums bit for bit, and rows in the same order
 * whatever the number of tokens, so that decoding repeats what prefill has computed.
 */
#ifndef SLM_DEVICE_CPU_KERNELS_H
#define SLM_DEVICE_CPU_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "packed_type.h"

enum {
	TILE_WIDTH_MAX = 12, /* tokens that meet a tile of weights at once */
	TILE_FLOATS = TILE_WIDTH_MAX * PACKED_ROWS,
	HEAD_DIM_MAX = 1024,
};

/* What an integer kernel wants beside codes and scales, as bits. */
enum activation_need {
	NEED_CODES = 1 << 0,   /* int8 codes and d */
	NEED_SUM = 1 << 1,     /* s = d * sum of the block's codes, for types with minima */
	NEED_INIT_8 = 1 << 2,  /* -8 * sum: the sum starts there, so that codes stay unsigned */
	NEED_INIT_16 = 1 << 3, /* -16 * sum */
	NEED_INIT_128 = 1 << 4,
	NEED_INIT_32 = 1 << 5, /* -32 * sum of each half block */
	NEED_FLOATS = 1 << 6,
	NEED_HALVES = 1 << 7, /* the sums of both half blocks, for types with minima of halves */
};

/*
 * Activations of up to TILE_WIDTH_MAX tokens as they meet weights, WIDTH of them with trailing ones
 * undefined. A block is 32 columns; columns are padded to whole units with zeros.
 */
struct activation_tile {
	uint32_t width;
	int8_t *codes;	  /* [block][width][32] */
	float *d;	  /* [block][width] */
	float *s;	  /* [block][width] */
	int32_t *init_8;  /* [block][width] */
	int32_t *init_16; /* [block][width] */
	int32_t *init_128;
	int32_t *init_32; /* [block][2][width] */
	int32_t *halves;  /* [block][width]: two int16, the first half's low */
	float *x;	  /* [column][width] */
};

/* out[t][r] = sum over columns of tile row r times token t, for all t < a->width. */
typedef void (*matmul_tile_fn)(const uint8_t *tile, uint32_t n_cols,
			       const struct activation_tile *a, float out[TILE_FLOATS]);

/* Where the results of a tile of weight rows go: N_ROWS tokens, N of the 16 lanes. */
struct tile_output {
	float *to;	   /* row t begins at to + t * stride */
	const float *add;  /* likewise, or NULL; may be to */
	const float *bias; /* [n], or NULL */
	float scale;
	size_t stride;
	uint32_t n_rows;
	uint32_t n;
};

/* A page of keys and values as attention reads them, 16-byte aligned. */
struct kv_page {
	const uint8_t *keys;
	const uint8_t *values;
};

/* A few query rows that share a key head, on their way over the cached positions. */
struct attention_tile {
	uint32_t width; /* query rows, padded to a tile width */
	uint32_t head_dim;
	enum kv_type kv_type;
	const float *q;	 /* [dim][width], scaled */
	float *max;	 /* [width] */
	float *sum;	 /* [width] */
	float *acc;	 /* [width][head_dim] */
	float *page_f32; /* scratch: 2 * KV_PAGE * head_dim */
};

struct cpu_kernels {
	const char *name;
	uint32_t max_width; /* largest tile width: 12, or less where registers are few */

	struct {
		uint32_t needs;
		matmul_tile_fn tile;
	} matmul[TENSOR_TYPE_IDS];

	/* Sets token T of tile A from X [n_cols]; fields as NEEDS says. */
	void (*quantize)(const float *x, uint32_t n_cols, uint32_t needs, uint32_t t,
			 const struct activation_tile *a);

	/* out = x / sqrt(mean(x^2) + eps) * norm (+ add, if not NULL); out may be add */
	void (*norm)(const float *x, const float *norm, uint32_t n, float eps, const float *add,
		     float *out);

	/* out = (x - mean) / sqrt(variance + eps) * norm + bias (+ add, if not NULL); out may be
	 * add */
	void (*layer_norm)(const float *x, const float *norm, const float *bias, uint32_t n,
			   float eps, const float *add, float *out);

	/* to[t][r] = scale * (from[t][r] (+ bias[r])) (+ add[t][r]) */
	void (*store)(const float from[TILE_FLOATS], const struct tile_output *out);

	/* to[t][r] = act(gate[t][r]) * up[t][r] */
	void (*glu)(enum activation activation, const float gate[TILE_FLOATS],
		    const float up[TILE_FLOATS], const struct tile_output *out);

	/* Rotates the first n_dims of a head by TABLE [n_dims / 2][2]; out may be x. */
	void (*rotate)(enum rope_style style, const float *x, const float *table, uint32_t n_dims,
		       float *out);

	/* Writes a key or a value of the position at CELL of a page. */
	void (*store_key)(enum kv_type type, const float *x, uint32_t head_dim, uint32_t cell,
			  uint8_t *keys);
	void (*store_value)(enum kv_type type, const float *x, uint32_t head_dim, uint32_t cell,
			    uint8_t *values);

	/*
	 * Takes one page into max, sum and acc (an online softmax). Row t sees the cells
	 * [first[t], last[t]) of the page; FIRST and LAST are multiples of nothing.
	 */
	void (*attend)(struct attention_tile *tile, const struct kv_page *page,
		       const int32_t *first, const int32_t *last);
};

extern const struct cpu_kernels cpu_kernels_plain;
extern const struct cpu_kernels cpu_kernels_avx2;
extern const struct cpu_kernels cpu_kernels_avx512vnni;
extern const struct cpu_kernels cpu_kernels_neon;

/*
 * How a page of one layer is laid out here: per key head its keys, then per key head its values.
 *   keys:   16 positions interleaved: f16 [cell / 16][dim][16]; q8_0 the same as bytes, then scales
 *           half [cell / 16][dim / 32][16]
 *   values: f16 [cell][dim]; q8_0 the same as bytes, then scales half [cell][dim / 32]
 */
static inline uint64_t kv_head_bytes(enum kv_type type, uint32_t head_dim)
{
	return kv_page_bytes(type, 1, head_dim) / 2;
}

#endif
