// SPDX-License-Identifier: MIT
/* Owns the cut of a graph into segments. Pure: no device is asked, no file read. */
#include <errno.h>

#include "array.h"
#include "plan.h"
#include "stages.h"

static uint64_t op_bytes(const struct op *op)
{
	uint64_t bytes = 0;

	/* A glu and its adapted twin read the same matrices; what adapters add is small. */
	if (op->when == WHEN_ADAPTED)
		return 0;
	for (uint32_t i = 0; i < op->n_weights; i++)
		bytes += matrix_bytes(op->weight[i]);
	return bytes;
}

static bool reads_before(const struct graph *graph, uint32_t first, uint32_t op_index,
			 const struct matrix *matrix)
{
	for (uint32_t i = first; i < op_index; i++) {
		for (uint32_t k = 0; k < graph->ops[i].n_weights; k++) {
			if (graph->ops[i].weight[k] == matrix)
				return true;
		}
	}
	return false;
}

uint64_t plan_weight_bytes(const struct graph *graph, const struct plan_segment *segment)
{
	uint64_t bytes = 0;

	for (uint32_t i = segment->first_op; i < segment->first_op + segment->n_ops; i++) {
		const struct op *op = &graph->ops[i];

		for (uint32_t k = 0; k < op->n_weights; k++) {
			if (!reads_before(graph, segment->first_op, i, op->weight[k]))
				bytes += matrix_bytes(op->weight[k]);
		}
	}
	return bytes;
}

static bool begins_layer(const struct graph *graph, uint32_t op)
{
	return graph->ops[op].layer > 0 && graph->ops[op - 1].layer != graph->ops[op].layer;
}

/* The op at which the segment ends that began at FIRST and is to hold WANTED bytes: a layer's first
 * op, or the end of the graph. */
static uint32_t segment_end(const struct graph *graph, uint32_t first, double wanted)
{
	double bytes = 0;
	uint32_t best = graph->n_ops;

	for (uint32_t i = first; i < graph->n_ops; i++) {
		double layer = 0;

		if (begins_layer(graph, i)) {
			for (uint32_t k = i;
			     k < graph->n_ops && graph->ops[k].layer == graph->ops[i].layer; k++)
				layer += (double)op_bytes(&graph->ops[k]);
			/* Stop where adding the next layer would miss the mark by more. */
			if (i > first && bytes + layer / 2 > wanted)
				return i;
		}
		bytes += (double)op_bytes(&graph->ops[i]);
	}
	return best;
}

int partition_by_share(const struct graph *graph, const struct plan_device *devices,
		       uint32_t n_devices, struct plan *ret_plan)
{
	double left = 0, bytes = 0;
	struct phase_plan plan = {0};
	uint32_t at = 0;

	if (n_devices == 0 || n_devices > PLAN_DEVICES_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < n_devices; i++)
		left += MAX(devices[i].share, 0);
	if (!(left > 0))
		return -EINVAL;
	for (uint32_t i = 0; i < graph->n_ops; i++)
		bytes += (double)op_bytes(&graph->ops[i]);
	for (uint32_t i = 0; i < n_devices && at < graph->n_ops; i++) {
		double share = MAX(devices[i].share, 0);
		uint32_t end = share >= left * 0.999999
				       ? graph->n_ops
				       : segment_end(graph, at, bytes * share / left);

		if (share == 0)
			continue;
		plan.segments[plan.n_segments++] = stages_segment(
			graph, i, at, end, at == 0 ? NO_VALUE : graph->ops[at].in[0]);
		for (; at < end; at++)
			bytes -= (double)op_bytes(&graph->ops[at]);
		left -= share;
	}
	ret_plan->phases[PHASE_PREFILL] = plan;
	ret_plan->phases[PHASE_DECODE] = plan;
	return 0;
}
