/* SPDX-License-Identifier: MIT */
/*
 * How much memory a model needs and where values lie in it, worked out before anything is
 * allocated. Pure.
 */
#ifndef SLM_SCHEDULER_MEMORY_PLAN_H
#define SLM_SCHEDULER_MEMORY_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "graph.h"

enum { VALUE_ALIGNMENT = 256 };

/*
 * Places the values of a graph so that those alive at the same time do not overlap; a result may lie
 * on the value that is added to it, or on the unrotated queries, because every element is read
 * before it is written. RET_OFFSETS has graph->n_values entries; the size in bytes is returned.
 */
uint64_t memory_plan_values(const struct graph *graph, uint32_t max_tokens, uint32_t max_outputs,
			    uint64_t *ret_offsets);

struct kv_params {
	uint32_t n_ctx; /* positions of a sequence */
	uint32_t n_sequences;
	uint32_t n_batch; /* tokens of a step at most */
	uint32_t page_cells;
	uint32_t rewind; /* positions a windowed group keeps beyond its window */
};

/* Pages that group GROUP of the graph needs for all sequences together. */
uint32_t memory_plan_kv_pages(const struct graph *graph, uint32_t group,
			      const struct kv_params *params);

#endif
