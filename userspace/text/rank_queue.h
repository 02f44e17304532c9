/* SPDX-License-Identifier: MIT */
/* A queue that gives the lowest order first: a binary heap. */
#ifndef SLM_TEXT_RANK_QUEUE_H
#define SLM_TEXT_RANK_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct ranked {
	uint64_t order;
	uint32_t value; /* what the caller wants to know of it later */
};

/* Ready for use when zeroed; to be emptied, n = 0. */
struct rank_queue {
	struct ranked *items; /* [n] */
	size_t n;
	size_t capacity;
};

void rank_queue_finish(struct rank_queue *queue);

/* 0 or -ENOMEM. */
int rank_queue_push(struct rank_queue *queue, struct ranked item);
/* Takes out the one of the lowest order; n > 0. */
struct ranked rank_queue_pop(struct rank_queue *queue);

#endif
