/* SPDX-License-Identifier: MIT */
/* The parts of a graph that a plan does not divide, and the places between them. */
#ifndef SLM_SCHEDULER_STAGES_H
#define SLM_SCHEDULER_STAGES_H

#include "plan.h"

/* Ops from one place where exactly one value lives to the next. */
struct stage {
	uint32_t first_op;
	uint32_t n_ops;
	int32_t input; /* that value, or NO_VALUE in the first */
	/* Of its matrices, each once, without the one that is shared. */
	uint64_t weight_bytes;
	bool reads_shared;
};

struct stages {
	struct stage items[PLAN_SEGMENTS_MAX];
	uint32_t n;
	/*
	 * A matrix that several stages read, such as an embedding that is also the head: a device
	 * that has it for one has it for all. NULL: there is none. If there were more, they would
	 * count for each stage again.
	 */
	const struct matrix *shared;
};

/* 0 or -ENOMEM, not logged. */
int stages_init(struct stages *stages, const struct graph *graph);

/* A segment of the ops [FIRST, END). */
struct plan_segment stages_segment(const struct graph *graph, uint32_t device, uint32_t first,
				   uint32_t end, int32_t input);

#endif
