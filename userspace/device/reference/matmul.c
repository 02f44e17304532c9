// SPDX-License-Identifier: MIT
/*
 * Owns matrix products: each weight row is expanded to floats once and multiplied with all rows of
 * activations, summed in double. Also the definition of quantised activations.
 */
#include <math.h>

#include "array.h"
#include "internal.h"

enum { ROWS_CHUNK = 16 };

struct product {
	const struct reference_run *run;
	const struct matrix *weight;
	const uint8_t *data;
	const double *x; /* [n_rows], a row every x_width */
	uint32_t n_rows;
	float *out; /* of an expert */
	/* What to do with the sum of weight row M and activation row T. */
	void (*store)(const struct product *product, uint32_t t, uint32_t m, double sum);
	uint32_t index; /* of the weight in the op */
};

void reference_quantize(const float *x, uint32_t n, int8_t *ret_q, float *ret_d)
{
	for (uint32_t b = 0; b < n / 32; b++, x += 32, ret_q += 32) {
		float largest = 0, inverse;

		for (int i = 0; i < 32; i++)
			largest = fmaxf(largest, fabsf(x[i]));
		inverse = 127.0f / largest;
		if (!(inverse <= 0x1.fffffep127f)) {
			largest = 0;
			inverse = 0;
		}
		ret_d[b] = largest / 127.0f;
		for (int i = 0; i < 32; i++)
			ret_q[i] = (int8_t)nearbyintf(x[i] * inverse);
	}
}

/* Replaces each value by what its int8 code stands for. N is padded with zeros to whole blocks. */
static void round_to_int8(double *x, uint32_t n)
{
	for (uint32_t b = 0; b < n; b += 32) {
		uint32_t count = MIN(n - b, 32u);
		float block[32] = {0}, d;
		int8_t q[32];

		for (uint32_t i = 0; i < count; i++)
			block[i] = (float)x[b + i];
		reference_quantize(block, 32, q, &d);
		for (uint32_t i = 0; i < count; i++)
			x[b + i] = (double)q[i] * (double)d;
	}
}

static bool is_quantised(enum tensor_type type)
{
	return tensor_type_info(type)->block_values > 1;
}

static double *activation_row(const struct reference_run *run, uint32_t t)
{
	return run->segment->x + (size_t)t * run->segment->x_width;
}

/* A row as it meets WEIGHT: normed, and rounded to int8 where the fast paths round. */
static void prepare_row(const struct reference_run *run, const struct matrix *weight,
			const float *in, double *x)
{
	const struct op *op = run->op;

	if (op->norm.n > 0)
		reference_norm_row(in, &op->norm, op->eps, x);
	else
		for (uint32_t i = 0; i < weight->n_cols; i++)
			x[i] = (double)in[i];
	if (run->device->activations == ACTIVATIONS_INT8 && is_quantised(weight->type))
		round_to_int8(x, weight->n_cols);
}

static void prepare_activations(const struct reference_run *run, const struct matrix *weight)
{
	for (uint32_t t = 0; t < run->n_rows; t++)
		prepare_row(run, weight, reference_row(run, run->op->in[0], t),
			    activation_row(run, t));
}

static double dot(const float *w, const double *x, uint32_t n)
{
	double sums[4] = {0};
	uint32_t i = 0;

	for (; i + 4 <= n; i += 4) {
		sums[0] += (double)w[i] * x[i];
		sums[1] += (double)w[i + 1] * x[i + 1];
		sums[2] += (double)w[i + 2] * x[i + 2];
		sums[3] += (double)w[i + 3] * x[i + 3];
	}
	for (; i < n; i++)
		sums[0] += (double)w[i] * x[i];
	return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static void product_rows(const struct product *p, float *row, uint32_t first, uint32_t last)
{
	uint64_t row_bytes = tensor_row_bytes(p->weight->type, p->weight->n_cols);

	for (uint32_t m = first; m < last; m++) {
		tensor_row_to_float(p->weight->type, p->data + m * row_bytes, row,
				    p->weight->n_cols);
		for (uint32_t t = 0; t < p->n_rows; t++)
			p->store(p, t, m,
				 dot(row, p->x + (size_t)t * p->run->segment->x_width,
				     p->weight->n_cols));
	}
}

static void product_member(void *arg, unsigned index)
{
	struct product *p = arg;
	struct thread_pool *pool = p->run->device->pool;
	float *row = p->run->segment->row + (size_t)index * p->run->segment->x_width;
	size_t first, last;

	while (thread_pool_next(pool, index, p->weight->n_rows, ROWS_CHUNK, &first, &last))
		product_rows(p, row, (uint32_t)first, (uint32_t)last);
}

static void store_plain(const struct product *p, uint32_t t, uint32_t m, double sum)
{
	const struct op *op = p->run->op;

	if (op->bias[p->index].n > 0)
		sum += (double)op->bias[p->index].data[m];
	sum *= (double)op->scale;
	if (op->add != NO_VALUE)
		sum += (double)reference_row(p->run, op->add, t)[m];
	reference_row(p->run, op->out[p->index], t)[m] = (float)sum;
}

double reference_activate(enum activation activation, double x)
{
	if (activation == ACTIVATION_SILU)
		return x / (1 + exp(-x));
	return 0.5 * x * (1 + tanh(0.79788456080286535588 * x * (1 + 0.044715 * x * x)));
}

static void store_gate(const struct product *p, uint32_t t, uint32_t m, double sum)
{
	reference_row(p->run, p->run->op->out[0], t)[m] =
		(float)reference_activate(p->run->op->activation, sum);
}

static void store_up(const struct product *p, uint32_t t, uint32_t m, double sum)
{
	float *out = &reference_row(p->run, p->run->op->out[0], t)[m];

	*out = (float)((double)*out * sum);
}

static void multiply(const struct reference_run *run, uint32_t index,
		     void (*store)(const struct product *, uint32_t, uint32_t, double))
{
	const struct matrix *weight = run->op->weight[index];
	struct product product = {
		.run = run,
		.weight = weight,
		.data = host_buffer_data(run->segment->params.weights[weight->id]),
		.x = run->segment->x,
		.n_rows = run->n_rows,
		.store = store,
		.index = index,
	};

	prepare_activations(run, weight);
	thread_pool_run(run->device->pool, product_member, &product);
}

void reference_matmul(const struct reference_run *run)
{
	for (uint32_t i = 0; i < run->op->n_weights; i++)
		multiply(run, i, store_plain);
}

void reference_glu(const struct reference_run *run)
{
	multiply(run, 0, store_gate);
	multiply(run, 1, store_up);
}

/* ---- experts ---- */

static void store_part(const struct product *p, uint32_t t, uint32_t m, double sum)
{
	p->out[m] = (float)sum;
}

static void store_part_gate(const struct product *p, uint32_t t, uint32_t m, double sum)
{
	p->out[m] = (float)reference_activate(p->run->op->activation, sum);
}

static void store_part_up(const struct product *p, uint32_t t, uint32_t m, double sum)
{
	p->out[m] = (float)((double)p->out[m] * sum);
}

/* Weight INDEX of the expert in slot S of token T, times X, of which every slot has its own or all share
 * one. */
static void multiply_part(const struct reference_run *run, uint32_t index, uint32_t t, uint32_t s,
			  void (*store)(const struct product *, uint32_t, uint32_t, double))
{
	const struct op *op = run->op;
	const struct matrix *weight = op->weight[index];
	const float *in = reference_row(run, op->in[0], t);
	uint32_t expert = (uint32_t)reference_row(run, op->in[1], t)[s];
	uint64_t expert_bytes = weight->n_rows * tensor_row_bytes(weight->type, weight->n_cols);
	struct product product = {
		.run = run,
		.weight = weight,
		.data = host_buffer_data(run->segment->params.weights[weight->id]) +
			expert * expert_bytes,
		.x = run->segment->x,
		.n_rows = 1,
		.out = reference_row(run, op->out[0], t) + (size_t)s * weight->n_rows,
		.store = store,
	};

	if (op->kind == OP_EXPERT_MATMUL)
		in += (size_t)s * weight->n_cols;
	prepare_row(run, weight, in, run->segment->x);
	thread_pool_run(run->device->pool, product_member, &product);
}

void reference_expert_glu(const struct reference_run *run)
{
	for (uint32_t t = 0; t < run->n_rows; t++) {
		for (uint32_t s = 0; s < run->op->n_used; s++) {
			multiply_part(run, 0, t, s, store_part_gate);
			multiply_part(run, 1, t, s, store_part_up);
		}
	}
}

void reference_expert_matmul(const struct reference_run *run)
{
	for (uint32_t t = 0; t < run->n_rows; t++) {
		for (uint32_t s = 0; s < run->op->n_used; s++)
			multiply_part(run, 0, t, s, store_part);
	}
}
