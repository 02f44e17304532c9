// SPDX-License-Identifier: MIT
/*
 * Owns the linked symbols and the order of their merging. What may be merged is the caller's
 * business. A pair whose symbols changed since it was queued stays there and is passed over.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "array.h"
#include "merger.h"

void merger_finish(struct merger *merger)
{
	free(merger->symbols);
	rank_queue_finish(&merger->queue);
	*merger = (struct merger){0};
}

void merger_start(struct merger *merger, const char *text)
{
	merger->text = text;
	merger->n = 0;
	merger->queue.n = 0;
}

int merger_add(struct merger *merger, uint32_t size_bytes)
{
	uint32_t at = (uint32_t)merger->n;
	uint32_t begin = 0;
	int r;

	r = array_reserve(&merger->symbols, &merger->capacity, merger->n + 1,
			  sizeof(*merger->symbols));
	if (r < 0)
		return r;
	if (at > 0) {
		begin = merger->symbols[at - 1].begin + merger->symbols[at - 1].size;
		merger->symbols[at - 1].next = at;
	}
	merger->symbols[at] = (struct symbol){begin, size_bytes, at - 1, SYMBOL_NONE};
	merger->n++;
	return 0;
}

static int consider(struct merger *merger, uint32_t left, uint32_t right, merger_rank_fn rank,
		    const void *data)
{
	const struct symbol *a, *b;
	uint32_t found;

	if (left == SYMBOL_NONE || right == SYMBOL_NONE)
		return 0;
	a = &merger->symbols[left];
	b = &merger->symbols[right];
	found = rank(data, merger->text + a->begin, a->size, b->size);
	if (found == RANK_NONE)
		return 0;
	return rank_queue_push(&merger->queue,
			       (struct ranked){(uint64_t)found << 32 | left, a->size + b->size});
}

static bool is_current(const struct merger *merger, const struct ranked *pair)
{
	const struct symbol *left = &merger->symbols[(uint32_t)pair->order];

	return left->size != 0 && left->next != SYMBOL_NONE &&
	       left->size + merger->symbols[left->next].size == pair->value;
}

static void join(struct merger *merger, uint32_t at)
{
	struct symbol *left = &merger->symbols[at];
	struct symbol *right = &merger->symbols[left->next];

	left->size += right->size;
	left->next = right->next;
	right->size = 0;
	if (left->next != SYMBOL_NONE)
		merger->symbols[left->next].previous = at;
}

int merger_run(struct merger *merger, merger_rank_fn rank, const void *data)
{
	int r = 0;

	for (uint32_t i = 0; i + 1 < merger->n && r == 0; i++)
		r = consider(merger, i, i + 1, rank, data);
	while (merger->queue.n > 0 && r == 0) {
		struct ranked best = rank_queue_pop(&merger->queue);
		uint32_t at = (uint32_t)best.order;

		if (!is_current(merger, &best))
			continue;
		join(merger, at);
		r = consider(merger, merger->symbols[at].previous, at, rank, data);
		if (r == 0)
			r = consider(merger, at, merger->symbols[at].next, rank, data);
	}
	return r;
}
