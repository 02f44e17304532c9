// SPDX-License-Identifier: MIT
/* Owns the reference device and its segments: ops one after another, nothing fused. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "internal.h"

typedef void (*op_fn)(const struct reference_run *run);

static const op_fn op_functions[OP_KINDS] = {
	[OP_EMBED] = reference_embed,
	[OP_NORM] = reference_norm,
	[OP_MATMUL] = reference_matmul,
	[OP_GLU] = reference_glu,
	[OP_ROPE] = reference_rope,
	[OP_ATTENTION] = reference_attention,
	[OP_SELECT] = reference_select,
	[OP_ROUTE] = reference_route,
	[OP_EXPERT_GLU] = reference_expert_glu,
	[OP_EXPERT_MATMUL] = reference_expert_matmul,
	[OP_MIX] = reference_mix,
	[OP_ADAPT] = reference_adapt,
	[OP_GATE] = reference_gate,
};

static void reference_close(struct device *base)
{
	struct reference_device *device = (struct reference_device *)base;

	thread_pool_destroy(device->pool);
	free(device);
}

static int reference_open(const struct device_params *params, struct device **ret_device)
{
	struct reference_device *device = calloc(1, sizeof(*device));
	int r;

	if (!device)
		return log_oom(params->log, "opening the reference device");
	device->base = (struct device){.ops = params->ops, .log = params->log, .name = "reference"};
	device->activations = params->activations;
	r = thread_pool_create(params->n_threads, params->log, &device->pool);
	if (r < 0) {
		free(device);
		return r;
	}
	*ret_device = &device->base;
	return 0;
}

static bool reference_supports(const struct device *device, const struct op *op)
{
	return op->kind < OP_KINDS && op_functions[op->kind];
}

static void reference_segment_destroy(struct segment *base)
{
	struct reference_segment *segment = (struct reference_segment *)base;

	free((void *)segment->params.weights);
	free((void *)segment->params.kv);
	free((void *)segment->params.value_offsets);
	free(segment->x);
	free(segment->row);
	free(segment->scores);
	free(segment);
}

static void reference_segment_destroy_p(struct reference_segment **segment)
{
	if (*segment)
		reference_segment_destroy(&(*segment)->base);
}

static void *copy_of(const void *data, size_t n, size_t item_bytes)
{
	void *copy = calloc(MAX(n, 1), item_bytes);

	if (copy && n > 0)
		memcpy(copy, data, n * item_bytes);
	return copy;
}

static uint32_t widest_input(const struct graph *graph)
{
	uint32_t width = 0;

	for (uint32_t i = 0; i < graph->n_values; i++) {
		if ((int32_t)i != graph->result)
			width = MAX(width, graph->values[i].n_cols);
	}
	return width;
}

static int reference_segment_create(struct device *base, const struct segment_params *params,
				    struct segment **ret_segment)
{
	struct reference_device *device = (struct reference_device *)base;
	const struct graph *graph = params->graph;
	_cleanup_(reference_segment_destroy_p) struct reference_segment *segment = NULL;
	size_t rows = MAX(params->max_tokens, params->max_outputs);
	size_t n_threads = thread_pool_size(device->pool);

	segment = calloc(1, sizeof(*segment));
	if (!segment)
		return log_oom(base->log, "preparing a segment");
	segment->params = *params;
	segment->params.weights =
		copy_of(params->weights, graph->n_matrices, sizeof(*params->weights));
	segment->params.kv = copy_of(params->kv, graph->model->n_layers, sizeof(*params->kv));
	segment->params.value_offsets =
		copy_of(params->value_offsets, graph->n_values, sizeof(*params->value_offsets));
	segment->x_width = (uint32_t)round_up(widest_input(graph), 32);
	segment->x = calloc(rows * segment->x_width, sizeof(*segment->x));
	segment->row = calloc(n_threads * segment->x_width, sizeof(*segment->row));
	segment->scores = calloc(n_threads * params->max_pages * KV_PAGE, sizeof(*segment->scores));
	if (!segment->params.weights || !segment->params.kv || !segment->params.value_offsets ||
	    !segment->x || !segment->row || !segment->scores)
		return log_oom(base->log, "preparing a segment");
	*ret_segment = &TAKE(segment)->base;
	return 0;
}

static int reference_segment_run(struct segment *base, const struct step *step)
{
	struct reference_segment *segment = (struct reference_segment *)base;
	const struct graph *graph = segment->params.graph;

	for (uint32_t i = 0; i < segment->params.n_ops; i++) {
		const struct op *op = &graph->ops[segment->params.first_op + i];
		struct reference_run run = {
			.device = (struct reference_device *)base->device,
			.segment = segment,
			.op = op,
			.step = step,
			.n_rows = graph->values[op->out[0]].rows == ROWS_TOKENS ? step->n_tokens
										: step->n_outputs,
		};

		if (step_runs(step, op->when))
			op_functions[op->kind](&run);
	}
	return 0;
}

float *reference_row(const struct reference_run *run, int32_t value, uint32_t row)
{
	const struct segment_params *params = &run->segment->params;
	uint8_t *data = host_buffer_data(params->values) + params->value_offsets[value];

	return (float *)data + (size_t)row * params->graph->values[value].n_cols;
}

const struct device_ops reference_device_ops = {
	.name = "reference",
	.weight_form = WEIGHTS_AS_IN_FILE,
	.open = reference_open,
	.close = reference_close,
	.supports = reference_supports,
	.buffer_create = host_buffer_create,
	.buffer_destroy = host_buffer_destroy,
	.buffer_write = host_buffer_write,
	.buffer_read = host_buffer_read,
	.segment_create = reference_segment_create,
	.segment_destroy = reference_segment_destroy,
	.segment_run = reference_segment_run,
	.memory_info = host_memory_info,
};
