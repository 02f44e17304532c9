/* SPDX-License-Identifier: MIT */
/*
 * Template: the cache and attention over one page of it. Keys are kept 16 positions interleaved, so
 * that scores are the float matmul of a tile: a lane is a position. Values are kept by position: a
 * lane is a dimension.
 */
#include "unroll.h"

#define MASKED (-3e38f)

static uint16_t half_of(float x)
{
	float lanes[16] = {x};
	uint16_t halves[16];

	vf_store_f16((uint8_t *)halves, vf_load(lanes));
	return halves[0];
}

static float float_of(const uint8_t *half)
{
	uint8_t halves[32] = {half[0], half[1]};
	float lanes[16];

	vf_store(lanes, vf_load_f16(halves));
	return lanes[0];
}

/* ---- storing ---- */

/* The half scale of one block of up to 32 numbers and their codes. */
static uint16_t round_block(const float *x, uint32_t n, int8_t codes[32])
{
	vf a = vf_load_n(x, n < 16 ? n : 16), b = vf_load_n(x + 16, n < 16 ? 0 : n - 16);
	uint16_t half = half_of(vf_largest(vf_max(vf_abs(a), vf_abs(b))) / 127.0f);
	float d = float_of((const uint8_t *)&half);
	vf low = vf_set1(-127), high = vf_set1(127);

	if (!(d > 0)) {
		memset(codes, 0, 32);
		return half;
	}
	vf_store_i8(codes, vf_max(low, vf_min(high, vf_div(a, vf_set1(d)))));
	vf_store_i8(codes + 16, vf_max(low, vf_min(high, vf_div(b, vf_set1(d)))));
	return half;
}

static void store_key_f16(const float *x, uint32_t head_dim, uint32_t cell, uint8_t *keys)
{
	uint8_t *at = keys + 32 * (size_t)(cell / 16) * head_dim + 2 * (cell % 16);
	uint16_t halves[16];

	for (uint32_t i = 0; i < head_dim; i += 16) {
		uint32_t n = head_dim - i < 16 ? head_dim - i : 16;

		vf_store_f16((uint8_t *)halves, vf_load_n(x + i, n));
		for (uint32_t k = 0; k < n; k++, at += 32)
			memcpy(at, &halves[k], 2);
	}
}

static void store_key_q8(const float *x, uint32_t head_dim, uint32_t cell, uint8_t *keys)
{
	uint32_t n_blocks = (head_dim + 31) / 32;
	uint8_t *at = keys + 16 * (size_t)(cell / 16) * head_dim + cell % 16;
	uint8_t *scales = keys + (size_t)KV_PAGE * head_dim + 32 * (size_t)(cell / 16) * n_blocks +
			  2 * (cell % 16);
	int8_t codes[32];

	for (uint32_t i = 0; i < head_dim; i += 32, scales += 32) {
		uint32_t n = head_dim - i < 32 ? head_dim - i : 32;
		uint16_t half = round_block(x + i, n, codes);

		memcpy(scales, &half, 2);
		for (uint32_t k = 0; k < n; k++, at += 16)
			*at = (uint8_t)codes[k];
	}
}

static void store_key(enum kv_type type, const float *x, uint32_t head_dim, uint32_t cell,
		      uint8_t *keys)
{
	if (type == KV_F16)
		store_key_f16(x, head_dim, cell, keys);
	else
		store_key_q8(x, head_dim, cell, keys);
}

static void store_value(enum kv_type type, const float *x, uint32_t head_dim, uint32_t cell,
			uint8_t *values)
{
	uint32_t n_blocks = (head_dim + 31) / 32;
	uint16_t halves[16];
	int8_t codes[32];

	for (uint32_t i = 0; type == KV_F16 && i < head_dim; i += 16) {
		uint32_t n = head_dim - i < 16 ? head_dim - i : 16;

		vf_store_f16((uint8_t *)halves, vf_load_n(x + i, n));
		memcpy(values + 2 * ((size_t)cell * head_dim + i), halves, 2 * n);
	}
	for (uint32_t i = 0; type == KV_Q8_0 && i < head_dim; i += 32) {
		uint32_t n = head_dim - i < 32 ? head_dim - i : 32;
		uint16_t half = round_block(x + i, n, codes);

		memcpy(values + (size_t)cell * head_dim + i, codes, n);
		memcpy(values + (size_t)KV_PAGE * head_dim + 2 * (cell * n_blocks + i / 32), &half,
		       2);
	}
}

/* ---- 8-bit pages become floats before use ---- */

static void expand_keys(const uint8_t *keys, uint32_t head_dim, float *out)
{
	const uint8_t *scales = keys + (size_t)KV_PAGE * head_dim;
	uint32_t n_blocks = (head_dim + 31) / 32;

	for (uint32_t g = 0; g < KV_PAGE / 16; g++) {
		for (uint32_t d = 0; d < head_dim; d++, keys += 16, out += 16)
			vf_store(out, vf_mul(vf_load_i8(keys),
					     vf_load_f16(scales + 32 * (g * n_blocks + d / 32))));
	}
}

static void expand_values(const uint8_t *values, uint32_t head_dim, uint32_t first, uint32_t last,
			  float *out)
{
	const uint8_t *scales = values + (size_t)KV_PAGE * head_dim;
	uint32_t n_blocks = (head_dim + 31) / 32;

	for (uint32_t cell = first; cell < last; cell++) {
		for (uint32_t i = 0; i < head_dim; i += 16) {
			size_t at = (size_t)cell * head_dim + i;
			uint32_t n = head_dim - i < 16 ? head_dim - i : 16;
			float d = float_of(scales + 2 * (cell * n_blocks + i / 32));

			/* The tail may read into the scales behind the codes, but uses none of it. */
			vf_store_n(out + at, vf_mul(vf_load_i8(values + at), vf_set1(d)), n);
		}
	}
}

/* ---- one page ---- */

/* scores[t][cell] for the groups of 16 cells that overlap [first, last) */
SIMD void page_scores(const struct attention_tile *tile, enum tensor_type type, const uint8_t *keys,
		      uint32_t first, uint32_t last, const unsigned width, float *scores)
{
	const uint32_t group_bytes = (type == TENSOR_F16 ? 32 : 64) * tile->head_dim;

	for (uint32_t g = first / 16; g < (last + 15) / 16; g++) {
		const uint8_t *k = keys + (size_t)g * group_bytes;
		const float *q = tile->q;
		vf acc[SIMD_MAX_WIDTH];

		zero_tile(acc, width);
		for (uint32_t d = 0; d < tile->head_dim; d++, q += width) {
			vf w = load_float(type, k);

			k += type == TENSOR_F16 ? 32 : 64;
			UNROLL
			for (unsigned t = 0; t < width; t++)
				acc[t] = vf_fma(w, vf_set1(q[t]), acc[t]);
		}
		UNROLL
		for (unsigned t = 0; t < width; t++)
			vf_store(scores + KV_PAGE * t + 16 * g, acc[t]);
	}
}

/* Cells [from, to) outside [first, last) of one row get VALUE. */
SIMD void mask_row(float *scores, uint32_t from, uint32_t to, uint32_t first, uint32_t last,
		   float value)
{
	for (uint32_t i = from; i < first; i++)
		scores[i] = value;
	for (uint32_t i = last; i < to; i++)
		scores[i] = value;
}

SIMD float row_max(const float *scores, uint32_t from, uint32_t to, float max)
{
	vf largest = vf_set1(max);

	for (uint32_t i = from; i < to; i += 16)
		largest = vf_max(largest, vf_load(scores + i));
	return vf_largest(largest);
}

/* Scores of one row to weights; their sum. */
SIMD float row_weights(float *scores, uint32_t from, uint32_t to, float max)
{
	vf total = vf_zero();

	for (uint32_t i = from; i < to; i += 16) {
		vf p = vf_exp(vf_sub(vf_load(scores + i), vf_set1(max)));

		vf_store(scores + i, p);
		total = vf_add(total, p);
	}
	return vf_sum(total);
}

/*
 * Scores to weights, row by row; cells that a row does not see get 0. FACTORS say by how much what
 * was summed before shrinks. FROM and TO are multiples of 16.
 */
static void page_softmax(struct attention_tile *tile, float *scores, uint32_t from, uint32_t to,
			 const int32_t *first, const int32_t *last, float *factors)
{
	float old[16] = {0}, new[16] = {0};

	for (uint32_t t = 0; t < tile->width; t++) {
		float *row = scores + KV_PAGE * t;
		bool blind = first[t] >= last[t];

		old[t] = tile->max[t];
		mask_row(row, from, to, blind ? from : (uint32_t)first[t],
			 blind ? from : (uint32_t)last[t], MASKED);
		tile->max[t] = new[t] = row_max(row, from, to, old[t]);
	}
	vf_store(old, vf_exp(vf_sub(vf_load(old), vf_load(new))));
	for (uint32_t t = 0; t < tile->width; t++) {
		float *row = scores + KV_PAGE * t;
		float sum;

		factors[t] = old[t];
		if (first[t] >= last[t]) {
			memset(row + from, 0, (to - from) * sizeof(*row));
			continue;
		}
		sum = row_weights(row, from, to, tile->max[t]);
		mask_row(row, from, to, (uint32_t)first[t], (uint32_t)last[t], 0);
		tile->sum[t] = tile->sum[t] * factors[t] + sum;
	}
}

SIMD void page_values_tail(const struct attention_tile *tile, enum tensor_type type,
			   const uint8_t *values, uint32_t first, uint32_t last,
			   const unsigned width, const float *scores, const float *factors)
{
	const uint32_t n = tile->head_dim;

	for (uint32_t d = n / 16 * 16; d < n; d++) {
		for (unsigned t = 0; t < width; t++) {
			float sum = tile->acc[(size_t)t * n + d] * factors[t];

			for (uint32_t c = first; c < last; c++) {
				const uint8_t *at =
					values + ((size_t)c * n + d) * (type == TENSOR_F16 ? 2 : 4);
				float v;

				if (type == TENSOR_F16)
					v = float_of(at);
				else
					memcpy(&v, at, sizeof(v));
				sum += scores[KV_PAGE * t + c] * v;
			}
			tile->acc[(size_t)t * n + d] = sum;
		}
	}
}

/* acc[t] = acc[t] * factors[t] + sum of scores[t][c] * values[c] for c in [first, last) */
SIMD void page_values(const struct attention_tile *tile, enum tensor_type type,
		      const uint8_t *values, uint32_t first, uint32_t last, const unsigned width,
		      const float *scores, const float *factors)
{
	const uint32_t n = tile->head_dim, bytes = type == TENSOR_F16 ? 2 : 4;

	for (uint32_t d = 0; d + 16 <= n; d += 16) {
		const uint8_t *v = values + ((size_t)first * n + d) * bytes;
		vf acc[SIMD_MAX_WIDTH];

		UNROLL
		for (unsigned t = 0; t < width; t++)
			acc[t] =
				vf_mul(vf_load(tile->acc + (size_t)t * n + d), vf_set1(factors[t]));
		for (uint32_t c = first; c < last; c++, v += (size_t)n * bytes) {
			vf w = load_float(type, v);

			UNROLL
			for (unsigned t = 0; t < width; t++)
				acc[t] = vf_fma(w, vf_set1(scores[KV_PAGE * t + c]), acc[t]);
		}
		UNROLL
		for (unsigned t = 0; t < width; t++)
			vf_store(tile->acc + (size_t)t * n + d, acc[t]);
	}
	page_values_tail(tile, type, values, first, last, width, scores, factors);
}

SIMD void attend_page(struct attention_tile *tile, enum tensor_type type,
		      const struct kv_page *page, const int32_t *first, const int32_t *last,
		      uint32_t from, uint32_t to, const unsigned width)
{
	float scores[SIMD_MAX_WIDTH * KV_PAGE], factors[SIMD_MAX_WIDTH];

	page_scores(tile, type, page->keys, from, to, width, scores);
	page_softmax(tile, scores, from / 16 * 16, (to + 15) / 16 * 16, first, last, factors);
	page_values(tile, type, page->values, from, to, width, scores, factors);
}

static void attend_f16(struct attention_tile *a, const struct kv_page *page, const int32_t *first,
		       const int32_t *last, uint32_t from, uint32_t to)
{
#define CALL_ATTEND(W) attend_page(a, TENSOR_F16, page, first, last, from, to, W)
	WITH_WIDTH(CALL_ATTEND)
#undef CALL_ATTEND
}

static void attend_f32(struct attention_tile *a, const struct kv_page *page, const int32_t *first,
		       const int32_t *last, uint32_t from, uint32_t to)
{
#define CALL_ATTEND(W) attend_page(a, TENSOR_F32, page, first, last, from, to, W)
	WITH_WIDTH(CALL_ATTEND)
#undef CALL_ATTEND
}

static void attend(struct attention_tile *tile, const struct kv_page *page, const int32_t *first,
		   const int32_t *last)
{
	uint32_t from = KV_PAGE, to = 0;
	struct kv_page floats;

	for (uint32_t t = 0; t < tile->width; t++) {
		if (first[t] >= last[t])
			continue;
		from = (uint32_t)first[t] < from ? (uint32_t)first[t] : from;
		to = (uint32_t)last[t] > to ? (uint32_t)last[t] : to;
	}
	if (from >= to)
		return;
	if (tile->kv_type == KV_F16) {
		attend_f16(tile, page, first, last, from, to);
		return;
	}
	floats.keys = (const uint8_t *)tile->page_f32;
	floats.values = (const uint8_t *)(tile->page_f32 + (size_t)KV_PAGE * tile->head_dim);
	expand_keys(page->keys, tile->head_dim, tile->page_f32);
	expand_values(page->values, tile->head_dim, from, to,
		      tile->page_f32 + (size_t)KV_PAGE * tile->head_dim);
	attend_f32(tile, &floats, first, last, from, to);
}
