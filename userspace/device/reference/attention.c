// SPDX-License-Identifier: MIT
/*
 * Owns rotation, the cache and attention. A page of a layer is keys [kv head][position][dim], then
 * values likewise: halves, or for q8_0 per 32 numbers of a head a half scale and signed bytes,
 * kept here as [position's head][block]{half d, int8 q[32]}, with a shorter last block.
 */
#include <math.h>
#include <string.h>

#include "array.h"
#include "internal.h"

static uint64_t head_row_bytes(const struct reference_run *run)
{
	return kv_page_bytes(run->segment->params.kv_type, 1, run->op->head_dim) / (2 * KV_PAGE);
}

/* Where the key (or value) of a position lies. */
static uint8_t *cache_row(const struct reference_run *run, uint32_t row_run, uint32_t position,
			  uint32_t head, bool is_value)
{
	const struct op *op = run->op;
	const struct step *step = run->step;
	uint32_t page = step->pages[op->kv_group][row_run * step->page_stride + position / KV_PAGE];
	uint64_t row_bytes = head_row_bytes(run);
	uint64_t page_bytes =
		kv_page_bytes(run->segment->params.kv_type, op->n_head_kv, op->head_dim);
	uint64_t row = (uint64_t)(is_value ? op->n_head_kv + head : head) * KV_PAGE;

	return host_buffer_data(run->segment->params.kv[op->layer]) + page * page_bytes +
	       (row + position % KV_PAGE) * row_bytes;
}

static void store_block_q8(const float *x, uint32_t n, uint8_t *at)
{
	float largest = 0, d;
	uint16_t half;

	for (uint32_t i = 0; i < n; i++)
		largest = fmaxf(largest, fabsf(x[i]));
	half = float_to_half(largest / 127.0f);
	memcpy(at, &half, sizeof(half));
	d = half_to_float(half);
	for (uint32_t i = 0; i < n; i++) {
		float q = d > 0 ? nearbyintf(x[i] / d) : 0;

		at[2 + i] = (uint8_t)(int8_t)fmaxf(-127, fminf(127, q));
	}
}

static void cache_store(const struct reference_run *run, const float *x, uint8_t *at)
{
	uint32_t n = run->op->head_dim;

	for (uint32_t i = 0; run->segment->params.kv_type == KV_F16 && i < n; i++) {
		uint16_t half = float_to_half(x[i]);

		memcpy(at + 2 * i, &half, sizeof(half));
	}
	for (uint32_t i = 0; run->segment->params.kv_type == KV_Q8_0 && i < n; i += 32)
		store_block_q8(x + i, MIN(n - i, 32u), at + i / 32 * 34);
}

static float cache_value(const struct reference_run *run, const uint8_t *at, uint32_t i)
{
	uint16_t half;

	if (run->segment->params.kv_type == KV_F16) {
		memcpy(&half, at + 2 * i, sizeof(half));
		return half_to_float(half);
	}
	at += i / 32 * 34;
	memcpy(&half, at, sizeof(half));
	return half_to_float(half) * (float)(int8_t)at[2 + i % 32];
}

static void rotate(float *head, const struct rope *rope, const float *table)
{
	uint32_t pairs = rope->n_dims / 2;

	for (uint32_t i = 0; i < pairs; i++) {
		float *a = rope->style == ROPE_PAIRS ? &head[2 * i] : &head[i];
		float *b = rope->style == ROPE_PAIRS ? a + 1 : a + pairs;
		double c = (double)table[2 * i], s = (double)table[2 * i + 1];
		double x = (double)*a, y = (double)*b;

		*a = (float)(x * c - y * s);
		*b = (float)(x * s + y * c);
	}
}

/* Norms and rotates one head from IN to OUT. */
static void turn_head(const struct reference_run *run, const float *in, const struct vector *norm,
		      uint32_t t, float *out)
{
	const struct op *op = run->op;
	const struct rope *rope = &run->segment->params.graph->model->ropes[op->rope];
	double normed[1024];

	memcpy(out, in, op->head_dim * sizeof(*out));
	if (norm->n > 0) {
		reference_norm_row(in, norm, op->eps, normed);
		for (uint32_t i = 0; i < op->head_dim; i++)
			out[i] = (float)normed[i];
	}
	rotate(out, rope, run->step->rope[op->rope] + (size_t)t * rope->n_dims);
}

void reference_rope(const struct reference_run *run)
{
	const struct op *op = run->op;
	float key[1024];

	for (uint32_t t = 0; t < run->n_rows; t++) {
		const float *q = reference_row(run, op->in[0], t);
		const float *k = reference_row(run, op->in[1], t);
		const float *v = reference_row(run, op->in[2], t);
		float *out = reference_row(run, op->out[0], t);
		uint32_t row_run = run->step->row_runs[t], position = run->step->positions[t];

		for (uint32_t h = 0; h < op->n_head; h++)
			turn_head(run, q + h * op->head_dim, &op->q_norm, t,
				  out + h * op->head_dim);
		for (uint32_t h = 0; h < op->n_head_kv; h++) {
			turn_head(run, k + h * op->head_dim, &op->k_norm, t, key);
			cache_store(run, key, cache_row(run, row_run, position, h, false));
			cache_store(run, v + h * op->head_dim,
				    cache_row(run, row_run, position, h, true));
		}
	}
}

/* softmax over scores[0, n) in place */
static void softmax(double *scores, uint32_t n)
{
	double largest = scores[0], sum = 0;

	for (uint32_t i = 1; i < n; i++)
		largest = fmax(largest, scores[i]);
	for (uint32_t i = 0; i < n; i++) {
		scores[i] = exp(scores[i] - largest);
		sum += scores[i];
	}
	for (uint32_t i = 0; i < n; i++)
		scores[i] /= sum;
}

static void attend(const struct reference_run *run, uint32_t t, uint32_t head, double *scores)
{
	const struct op *op = run->op;
	const float *q = reference_row(run, op->in[0], t) + head * op->head_dim;
	float *out = reference_row(run, op->out[0], t) + head * op->head_dim;
	uint32_t row_run = run->step->row_runs[t], position = run->step->positions[t];
	uint32_t first = op->window > 0 && position >= op->window ? position - op->window + 1 : 0;
	const struct step_run *all = &run->step->runs[row_run];
	uint32_t end = op->sees_all ? all->first_position + all->n_rows : position + 1;
	uint32_t kv_head = head / (op->n_head / op->n_head_kv), n = end - first;
	double sums[1024] = {0};

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *key = cache_row(run, row_run, first + i, kv_head, false);

		scores[i] = 0;
		for (uint32_t d = 0; d < op->head_dim; d++)
			scores[i] += (double)q[d] * (double)cache_value(run, key, d);
		scores[i] *= (double)op->scale;
	}
	softmax(scores, n);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *value = cache_row(run, row_run, first + i, kv_head, true);

		for (uint32_t d = 0; d < op->head_dim; d++)
			sums[d] += scores[i] * (double)cache_value(run, value, d);
	}
	for (uint32_t d = 0; d < op->head_dim; d++)
		out[d] = (float)sums[d];
}

static void attention_member(void *arg, unsigned index)
{
	const struct reference_run *run = arg;
	struct thread_pool *pool = run->device->pool;
	size_t n = (size_t)run->n_rows * run->op->n_head, first, last;
	double *scores =
		run->segment->scores + (size_t)index * run->segment->params.max_pages * KV_PAGE;

	while (thread_pool_next(pool, index, n, 1, &first, &last))
		attend(run, (uint32_t)(first / run->op->n_head),
		       (uint32_t)(first % run->op->n_head), scores);
}

void reference_attention(const struct reference_run *run)
{
	thread_pool_run(run->device->pool, attention_member, (void *)run);
}
