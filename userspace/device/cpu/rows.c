// SPDX-License-Identifier: MIT
/* Owns the ops that work row by row, dealt by rows: embed, norm, select, adapt, gate. */
#include <string.h>

#include "array.h"
#include "internal.h"

static void matrix_row(const struct cpu_run *run, const struct matrix *matrix, uint32_t row,
		       float *out)
{
	const uint8_t *data = host_buffer_data(run->segment->params.weights[matrix->id]);
	uint64_t tile_bytes = packed_tile_bytes(matrix->type, matrix->n_cols);

	packed_tile_row_to_float(matrix->type, data + row / PACKED_ROWS * tile_bytes,
				 row % PACKED_ROWS, matrix->n_cols, out);
}

static void add(float *to, const float *x, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] += x[i];
}

void cpu_embed(const struct cpu_run *run, const struct op *op, unsigned index)
{
	float *position = run->segment->members[index].row;
	uint32_t n = op->weight[0]->n_cols;
	size_t t, last;

	while (thread_pool_next(run->pool, index, cpu_n_rows(run, op), 1, &t, &last)) {
		float *out = cpu_row(run, op->out[0], (uint32_t)t);

		matrix_row(run, op->weight[0], (uint32_t)run->step->tokens[t], out);
		for (uint32_t i = 0; i < n; i++)
			out[i] *= op->scale;
		if (op->bias[0].n > 0)
			add(out, op->bias[0].data, n);
		if (op->n_weights == 1)
			continue;
		matrix_row(run, op->weight[1], run->step->positions[t], position);
		add(out, position, n);
	}
	thread_pool_barrier(run->pool, index);
}

static void norm_row(const struct cpu_run *run, const struct op *op, uint32_t t)
{
	const float *x = cpu_row(run, op->in[0], t);
	const float *plus = op->add == NO_VALUE ? NULL : cpu_row(run, op->add, t);
	float *out = cpu_row(run, op->out[0], t);

	if (op->norm_bias.n > 0)
		run->kernels->layer_norm(x, op->norm.data, op->norm_bias.data, op->norm.n, op->eps,
					 plus, out);
	else
		run->kernels->norm(x, op->norm.data, op->norm.n, op->eps, plus, out);
}

void cpu_norm(const struct cpu_run *run, const struct op *op, unsigned index)
{
	size_t first, last;

	while (thread_pool_next(run->pool, index, cpu_n_rows(run, op), 4, &first, &last)) {
		for (uint32_t t = (uint32_t)first; t < last; t++)
			norm_row(run, op, t);
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

static void adapt_row(const struct cpu_run *run, const struct op *op, uint32_t t, int i)
{
	const struct graph *graph = run->segment->params.graph;
	const struct vector *adapters = &op->adapters[i];
	bool is_of_tokens = graph->values[op->out[i]].rows == ROWS_TOKENS;
	uint32_t token = is_of_tokens ? t : run->step->outputs[t];
	const float *scales = run->step->adapter_scales + (size_t)token * graph->n_adapters;
	float *x = cpu_row(run, op->out[i], t);

	for (uint32_t c = 0; c < adapters->n; c++) {
		float scale = scales[(uint32_t)adapters->data[c]];

		x[c] = scale == 0 ? 0 : x[c] * scale;
	}
}

void cpu_adapt(const struct cpu_run *run, const struct op *op, unsigned index)
{
	size_t first, last;

	while (thread_pool_next(run->pool, index, cpu_n_rows(run, op), 16, &first, &last)) {
		for (uint32_t t = (uint32_t)first; t < last; t++) {
			for (int i = 0; i < OP_WEIGHTS_MAX && op->out[i] != NO_VALUE; i++)
				adapt_row(run, op, t, i);
		}
	}
	thread_pool_barrier(run->pool, index);
}

/* Columns [FIRST, FIRST + 16) of row T; lanes past N stay out. */
static void gate_lanes(const struct cpu_run *run, const struct op *op, uint32_t t, uint32_t first,
		       uint32_t n)
{
	_Alignas(64) float gate[PACKED_ROWS] = {0}, up[PACKED_ROWS];
	struct tile_output out = {.to = cpu_row(run, op->out[0], t) + first, .n_rows = 1, .n = n};

	memcpy(gate, cpu_row(run, op->in[0], t) + first, n * sizeof(*gate));
	for (uint32_t i = 0; i < PACKED_ROWS; i++)
		up[i] = 1;
	if (op->in[1] != NO_VALUE)
		memcpy(up, cpu_row(run, op->in[1], t) + first, n * sizeof(*up));
	run->kernels->glu(op->activation, gate, up, &out);
}

void cpu_gate(const struct cpu_run *run, const struct op *op, unsigned index)
{
	uint32_t n_cols = run->segment->params.graph->values[op->out[0]].n_cols;
	uint32_t n_parts = (uint32_t)div_up(n_cols, PACKED_ROWS);
	size_t n_items = (size_t)n_parts * cpu_n_rows(run, op), item, last;

	while (thread_pool_next(run->pool, index, n_items, 16, &item, &last)) {
		for (; item < last; item++) {
			uint32_t column = (uint32_t)(item % n_parts) * PACKED_ROWS;

			gate_lanes(run, op, (uint32_t)(item / n_parts), column,
				   MIN(n_cols - column, PACKED_ROWS));
		}
	}
	thread_pool_barrier(run->pool, index);
}
