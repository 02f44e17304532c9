// SPDX-License-Identifier: MIT
/* Owns names and costs of operations. Building is graph_build.c, showing is graph_print.c. */
#include <stdlib.h>

#include "array.h"
#include "graph.h"

static const char *const op_names[OP_KINDS] = {
	[OP_EMBED] = "embed",
	[OP_NORM] = "norm",
	[OP_MATMUL] = "matmul",
	[OP_GLU] = "glu",
	[OP_ROPE] = "rope",
	[OP_ATTENTION] = "attention",
	[OP_SELECT] = "select",
	[OP_ROUTE] = "route",
	[OP_EXPERT_GLU] = "expert_glu",
	[OP_EXPERT_MATMUL] = "expert_matmul",
	[OP_MIX] = "mix",
	[OP_ADAPT] = "adapt",
	[OP_GATE] = "gate",
};

const char *op_kind_name(enum op_kind kind)
{
	return op_names[kind];
}

void graph_destroy(struct graph *graph)
{
	if (!graph)
		return;
	free(graph->values);
	free(graph->ops);
	free(graph);
}

static uint64_t value_bytes(const struct graph *graph, int32_t value, uint64_t n_tokens,
			    uint64_t n_outputs)
{
	const struct value *v;

	if (value == NO_VALUE)
		return 0;
	v = &graph->values[value];
	return (v->rows == ROWS_TOKENS ? n_tokens : n_outputs) * v->n_cols * sizeof(float);
}

static uint64_t rows_of(const struct graph *graph, const struct op *op, uint64_t n_tokens,
			uint64_t n_outputs)
{
	return graph->values[op->out[0]].rows == ROWS_TOKENS ? n_tokens : n_outputs;
}

/* Positions that a step's tokens look at, summed over the tokens. */
static uint64_t positions_seen(const struct op *op, uint64_t n_tokens, uint64_t depth)
{
	uint64_t sum = 0;

	if (op->sees_all)
		return n_tokens * (depth + n_tokens);
	for (uint64_t t = 0; t < n_tokens; t++) {
		uint64_t n = depth + t + 1;

		sum += op->window > 0 ? MIN(n, op->window) : n;
	}
	return sum;
}

static uint64_t op_flops(const struct graph *graph, const struct op *op, uint64_t n_tokens,
			 uint64_t n_outputs, uint64_t depth)
{
	uint64_t rows = rows_of(graph, op, n_tokens, n_outputs), flops = 0;

	switch (op->kind) {
	case OP_MATMUL:
	case OP_GLU:
		for (uint32_t i = 0; i < op->n_weights; i++)
			flops += 2 * rows * op->weight[i]->n_rows * op->weight[i]->n_cols;
		return flops;
	case OP_EXPERT_GLU:
	case OP_EXPERT_MATMUL:
		for (uint32_t i = 0; i < op->n_weights; i++)
			flops += 2 * rows * op->n_used * op->weight[i]->n_rows *
				 op->weight[i]->n_cols;
		return flops;
	case OP_MIX:
		return 2 * rows * graph->values[op->in[0]].n_cols;
	case OP_ATTENTION:
		return 4 * positions_seen(op, n_tokens, depth) * op->n_head * op->head_dim;
	case OP_ROPE:
		return 3 * rows * (op->n_head + op->n_head_kv) * op->head_dim;
	case OP_NORM:
		return 4 * rows * op->norm.n;
	default:
		return 0;
	}
}

static uint64_t op_weight_bytes(const struct op *op, uint64_t rows)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < op->n_weights; i++) {
		const struct matrix *matrix = op->weight[i];

		if (op->kind == OP_EMBED) {
			bytes += rows * tensor_row_bytes(matrix->type, matrix->n_cols);
			continue;
		}
		/* At worst every token uses other experts. */
		bytes += op->n_used > 0 ? matrix_bytes(matrix) / matrix->n_experts *
						  MIN(rows * op->n_used, matrix->n_experts)
					: matrix_bytes(matrix);
	}
	return bytes;
}

static uint64_t op_kv_bytes(const struct op *op, uint64_t n_tokens, uint64_t depth)
{
	uint64_t position = 2 * op->n_head_kv * op->head_dim * sizeof(uint16_t);

	if (op->kind == OP_ROPE)
		return n_tokens * position;
	if (op->kind != OP_ATTENTION)
		return 0;
	depth += n_tokens;
	return position * (op->window > 0 ? MIN(depth, op->window) : depth);
}

struct op_cost op_cost(const struct graph *graph, const struct op *op, uint32_t n_tokens,
		       uint32_t n_outputs, uint32_t depth)
{
	struct op_cost cost = {
		.flops = op_flops(graph, op, n_tokens, n_outputs, depth),
		.weight_bytes = op_weight_bytes(op, rows_of(graph, op, n_tokens, n_outputs)),
		.kv_bytes = op_kv_bytes(op, n_tokens, depth),
		.value_bytes = value_bytes(graph, op->add, n_tokens, n_outputs),
	};

	for (int i = 0; i < 3; i++) {
		cost.value_bytes += value_bytes(graph, op->in[i], n_tokens, n_outputs);
		cost.value_bytes += value_bytes(graph, op->out[i], n_tokens, n_outputs);
	}
	return cost;
}
