// SPDX-License-Identifier: MIT
/* Owns the operations that work row by row: embed, norm, select. */
#include <math.h>
#include <string.h>

#include "internal.h"

void reference_embed(const struct reference_run *run)
{
	const struct matrix *weight = run->op->weight[0];
	const uint8_t *data = host_buffer_data(run->segment->params.weights[weight->id]);
	uint64_t row_bytes = tensor_row_bytes(weight->type, weight->n_cols);

	for (uint32_t t = 0; t < run->n_rows; t++) {
		float *out = reference_row(run, run->op->out[0], t);

		tensor_row_to_float(weight->type, data + (uint32_t)run->step->tokens[t] * row_bytes,
				    out, weight->n_cols);
		for (uint32_t i = 0; i < weight->n_cols; i++)
			out[i] *= run->op->scale;
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

void reference_norm(const struct reference_run *run)
{
	const struct op *op = run->op;

	for (uint32_t t = 0; t < run->n_rows; t++) {
		double *normed = run->segment->x;
		float *out = reference_row(run, op->out[0], t);

		reference_norm_row(reference_row(run, op->in[0], t), &op->norm, op->eps, normed);
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
