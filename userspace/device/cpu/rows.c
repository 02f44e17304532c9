// SPDX-License-Identifier: MIT
/* Owns the ops that work row by row, dealt by rows: embed, norm, select. */
#include <string.h>

#include "internal.h"

void cpu_embed(const struct cpu_run *run, const struct op *op, unsigned index)
{
	const struct matrix *weight = op->weight[0];
	const uint8_t *data = host_buffer_data(run->segment->params.weights[weight->id]);
	uint64_t tile_bytes = packed_tile_bytes(weight->type, weight->n_cols);
	size_t t, last;

	while (thread_pool_next(run->pool, index, cpu_n_rows(run, op), 1, &t, &last)) {
		uint32_t token = (uint32_t)run->step->tokens[t];
		float *out = cpu_row(run, op->out[0], (uint32_t)t);

		packed_tile_row_to_float(weight->type, data + token / PACKED_ROWS * tile_bytes,
					 token % PACKED_ROWS, weight->n_cols, out);
		for (uint32_t i = 0; i < weight->n_cols; i++)
			out[i] *= op->scale;
	}
	thread_pool_barrier(run->pool, index);
}

void cpu_norm(const struct cpu_run *run, const struct op *op, unsigned index)
{
	size_t first, last;

	while (thread_pool_next(run->pool, index, cpu_n_rows(run, op), 4, &first, &last)) {
		for (uint32_t t = (uint32_t)first; t < last; t++)
			run->kernels->norm(cpu_row(run, op->in[0], t), op->norm.data, op->norm.n,
					   op->eps,
					   op->add == NO_VALUE ? NULL : cpu_row(run, op->add, t),
					   cpu_row(run, op->out[0], t));
	}
	thread_pool_barrier(run->pool, index);
}

void cpu_select(const struct cpu_run *run, const struct op *op, unsigned index)
{
	size_t bytes = run->segment->params.graph->values[op->out[0]].n_cols * sizeof(float);
	size_t i, last;

	while (thread_pool_next(run->pool, index, cpu_n_rows(run, op), 1, &i, &last))
		memcpy(cpu_row(run, op->out[0], (uint32_t)i),
		       cpu_row(run, op->in[0], run->step->outputs[i]), bytes);
	thread_pool_barrier(run->pool, index);
}
