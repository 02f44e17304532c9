// SPDX-License-Identifier: MIT
/* Owns rotation, the cache (device.h says how a page is laid out) and attention. */
#include <math.h>
#include <string.h>

#include "array.h"
#include "internal.h"

/* A key or value of one position and head. */
struct cached {
	uint8_t *head; /* the page's numbers of this head; scales behind them */
	uint32_t cell; /* position in the page */
	bool is_value;
};

static struct cached cached_at(const struct reference_run *run, uint32_t row_run, uint32_t position,
			       uint32_t head, bool is_value)
{
	const struct op *op = run->op;
	const struct step *step = run->step;
	uint32_t page = step->pages[op->kv_group][row_run * step->page_stride + position / KV_PAGE];
	uint64_t page_bytes =
		kv_page_bytes(run->segment->params.kv_type, op->n_head_kv, op->head_dim);
	uint64_t head_bytes = page_bytes / (2 * op->n_head_kv);

	return (struct cached){
		.head = host_buffer_data(run->segment->params.kv[op->layer]) + page * page_bytes +
			(is_value ? op->n_head_kv + head : head) * head_bytes,
		.cell = position % KV_PAGE,
		.is_value = is_value,
	};
}

/* The place of number I among N of each cell: numbers, or the scales of their blocks. */
static size_t place_of(const struct cached *cached, uint32_t i, uint32_t n)
{
	if (cached->is_value)
		return (size_t)cached->cell * n + i;
	return ((size_t)(cached->cell / 16) * n + i) * 16 + cached->cell % 16;
}

static uint8_t *scale_of(const struct reference_run *run, const struct cached *cached,
			 uint32_t block)
{
	uint32_t dim = run->op->head_dim;

	return cached->head + (size_t)KV_PAGE * dim +
	       2 * place_of(cached, block, (uint32_t)div_up(dim, 32));
}

static void store_block_q8(const struct reference_run *run, const struct cached *cached,
			   uint32_t block, const float *x)
{
	uint32_t first = block * 32, n = MIN(run->op->head_dim - first, 32u);
	float largest = 0, d;
	uint16_t half;

	for (uint32_t i = 0; i < n; i++)
		largest = fmaxf(largest, fabsf(x[first + i]));
	half = float_to_half(largest / 127.0f);
	memcpy(scale_of(run, cached, block), &half, sizeof(half));
	d = half_to_float(half);
	for (uint32_t i = first; i < first + n; i++) {
		float q = d > 0 ? nearbyintf(x[i] / d) : 0;

		cached->head[place_of(cached, i, run->op->head_dim)] =
			(uint8_t)(int8_t)fmaxf(-127, fminf(127, q));
	}
}

static void cache_store(const struct reference_run *run, const float *x, struct cached cached)
{
	uint32_t n = run->op->head_dim;

	for (uint32_t i = 0; run->segment->params.kv_type == KV_F16 && i < n; i++) {
		uint16_t half = float_to_half(x[i]);

		memcpy(cached.head + 2 * place_of(&cached, i, n), &half, sizeof(half));
	}
	for (uint32_t i = 0; run->segment->params.kv_type == KV_Q8_0 && i < div_up(n, 32); i++)
		store_block_q8(run, &cached, i, x);
}

static float cache_value(const struct reference_run *run, const struct cached *cached, uint32_t i)
{
	size_t place = place_of(cached, i, run->op->head_dim);
	uint16_t half;

	if (run->segment->params.kv_type == KV_F16) {
		memcpy(&half, cached->head + 2 * place, sizeof(half));
		return half_to_float(half);
	}
	memcpy(&half, scale_of(run, cached, i / 32), sizeof(half));
	return half_to_float(half) * (float)(int8_t)cached->head[place];
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
			cache_store(run, key, cached_at(run, row_run, position, h, false));
			cache_store(run, v + h * op->head_dim,
				    cached_at(run, row_run, position, h, true));
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
		struct cached key = cached_at(run, row_run, first + i, kv_head, false);

		scores[i] = 0;
		for (uint32_t d = 0; d < op->head_dim; d++)
			scores[i] += (double)q[d] * (double)cache_value(run, &key, d);
		scores[i] *= (double)op->scale;
	}
	softmax(scores, n);
	for (uint32_t i = 0; i < n; i++) {
		struct cached value = cached_at(run, row_run, first + i, kv_head, true);

		for (uint32_t d = 0; d < op->head_dim; d++)
			sums[d] += scores[i] * (double)cache_value(run, &value, d);
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
