// SPDX-License-Identifier: MIT
/* Owns the operations that work row by row: embed, norm, select, route, mix, adapt, gate. */
#include <math.h>
#include <string.h>

#include "array.h"
#include "internal.h"

static void matrix_row(const struct reference_run *run, const struct matrix *matrix, uint32_t row,
		       float *out)
{
	const uint8_t *data = host_buffer_data(run->segment->params.weights[matrix->id]);

	tensor_row_to_float(matrix->type,
			    data + row * tensor_row_bytes(matrix->type, matrix->n_cols), out,
			    matrix->n_cols);
}

void reference_embed(const struct reference_run *run)
{
	const struct op *op = run->op;

	for (uint32_t t = 0; t < run->n_rows; t++) {
		float *out = reference_row(run, op->out[0], t), *position = run->segment->row;

		matrix_row(run, op->weight[0], (uint32_t)run->step->tokens[t], out);
		if (op->n_weights > 1)
			matrix_row(run, op->weight[1], run->step->positions[t], position);
		for (uint32_t i = 0; i < op->weight[0]->n_cols; i++) {
			double sum = (double)out[i] * (double)op->scale;

			if (op->bias[0].n > 0)
				sum += (double)op->bias[0].data[i];
			if (op->n_weights > 1)
				sum += (double)position[i];
			out[i] = (float)sum;
		}
	}
}

void reference_norm_row(const float *x, const struct vector *norm, float eps, double *ret_out)
{
	double sum = 0, scale;

	for (uint32_t i = 0; i < norm->n; i++)
		sum += (double)x[i] * (double)x[i];
	scale = 1 / sqrt(sum / norm->n + (double)eps);
	for (uint32_t i = 0; i < norm->n; i++)
		ret_out[i] = (double)x[i] * scale * (double)norm->data[i];
}

/* The same about the mean, plus a bias. */
static void layer_norm_row(const float *x, const struct op *op, double *ret_out)
{
	double mean = 0, square = 0, scale;

	for (uint32_t i = 0; i < op->norm.n; i++)
		mean += (double)x[i] / op->norm.n;
	for (uint32_t i = 0; i < op->norm.n; i++)
		square += ((double)x[i] - mean) * ((double)x[i] - mean);
	scale = 1 / sqrt(square / op->norm.n + (double)op->eps);
	for (uint32_t i = 0; i < op->norm.n; i++)
		ret_out[i] = ((double)x[i] - mean) * scale * (double)op->norm.data[i] +
			     (double)op->norm_bias.data[i];
}

void reference_norm(const struct reference_run *run)
{
	const struct op *op = run->op;

	for (uint32_t t = 0; t < run->n_rows; t++) {
		double *normed = run->segment->x;
		float *out = reference_row(run, op->out[0], t);

		const float *x = reference_row(run, op->in[0], t);

		if (op->norm_bias.n > 0)
			layer_norm_row(x, op, normed);
		else
			reference_norm_row(x, &op->norm, op->eps, normed);
		for (uint32_t i = 0; i < op->norm.n; i++) {
			if (op->add != NO_VALUE)
				normed[i] += (double)reference_row(run, op->add, t)[i];
			out[i] = (float)normed[i];
		}
	}
}

void reference_select(const struct reference_run *run)
{
	uint32_t n_cols = run->segment->params.graph->values[run->op->out[0]].n_cols;

	for (uint32_t i = 0; i < run->n_rows; i++)
		memcpy(reference_row(run, run->op->out[0], i),
		       reference_row(run, run->op->in[0], run->step->outputs[i]),
		       n_cols * sizeof(float));
}

/* The largest score that comes after LAST, which is the expert chosen before (-1: none). */
static int32_t next_expert(const float *scores, int32_t n, int32_t last)
{
	int32_t best = -1;

	for (int32_t e = 0; e < n; e++) {
		bool is_left = last < 0 || scores[e] < scores[last] ||
			       (scores[e] == scores[last] && e > last);

		if (is_left && (best < 0 || scores[e] > scores[best]))
			best = e;
	}
	return MAX(best, 0);
}

static void route_row(const struct op *op, const float *scores, int32_t n, float *out)
{
	double sum = 0, largest = 0;
	int32_t expert = -1;

	for (uint32_t s = 0; s < op->n_used; s++) {
		expert = next_expert(scores, n, expert);
		if (s == 0)
			largest = (double)scores[expert];
		out[s] = (float)expert;
		out[op->n_used + s] = (float)exp((double)scores[expert] - largest);
		sum += exp((double)scores[expert] - largest);
	}
	if (!op->sums_to_one) {
		sum = 0;
		for (int32_t e = 0; e < n; e++)
			sum += exp((double)scores[e] - largest);
	}
	for (uint32_t s = 0; s < op->n_used; s++)
		out[op->n_used + s] = (float)((double)out[op->n_used + s] / sum);
}

void reference_route(const struct reference_run *run)
{
	const struct op *op = run->op;
	int32_t n = (int32_t)run->segment->params.graph->values[op->in[0]].n_cols;

	for (uint32_t t = 0; t < run->n_rows; t++)
		route_row(op, reference_row(run, op->in[0], t), n,
			  reference_row(run, op->out[0], t));
}

void reference_mix(const struct reference_run *run)
{
	const struct op *op = run->op;
	uint32_t n_cols = run->segment->params.graph->values[op->out[0]].n_cols;

	for (uint32_t t = 0; t < run->n_rows; t++) {
		const float *parts = reference_row(run, op->in[0], t);
		const float *weights = reference_row(run, op->in[1], t) + op->n_used;
		float *out = reference_row(run, op->out[0], t);

		for (uint32_t i = 0; i < n_cols; i++) {
			double sum = 0;

			for (uint32_t s = 0; s < op->n_used; s++)
				sum += (double)weights[s] * (double)parts[s * n_cols + i];
			sum *= (double)op->scale;
			if (op->add != NO_VALUE)
				sum += (double)reference_row(run, op->add, t)[i];
			out[i] = (float)sum;
		}
	}
}

static void adapt_row(const struct reference_run *run, uint32_t t, int i)
{
	const struct step *step = run->step;
	const struct graph *graph = run->segment->params.graph;
	const struct vector *adapters = &run->op->adapters[i];
	bool is_of_tokens = graph->values[run->op->out[i]].rows == ROWS_TOKENS;
	uint32_t token = is_of_tokens ? t : step->outputs[t];
	const float *scales = step->adapter_scales + (size_t)token * graph->n_adapters;
	float *x = reference_row(run, run->op->out[i], t);

	for (uint32_t c = 0; c < adapters->n; c++) {
		float scale = scales[(uint32_t)adapters->data[c]];

		x[c] = scale == 0 ? 0 : x[c] * scale;
	}
}

void reference_adapt(const struct reference_run *run)
{
	for (int i = 0; i < OP_WEIGHTS_MAX && run->op->out[i] != NO_VALUE; i++) {
		for (uint32_t t = 0; t < run->n_rows; t++)
			adapt_row(run, t, i);
	}
}

void reference_gate(const struct reference_run *run)
{
	const struct op *op = run->op;
	uint32_t n_cols = run->segment->params.graph->values[op->out[0]].n_cols;

	for (uint32_t t = 0; t < run->n_rows; t++) {
		const float *gate = reference_row(run, op->in[0], t);
		const float *up = op->in[1] == NO_VALUE ? NULL : reference_row(run, op->in[1], t);
		float *out = reference_row(run, op->out[0], t);

		for (uint32_t i = 0; i < n_cols; i++)
			out[i] = (float)(reference_activate(op->activation, (double)gate[i]) *
					 (up ? (double)up[i] : 1));
	}
}
