// SPDX-License-Identifier: MIT
/* Owns the heap. Items of one order come out in no particular sequence. */
#include <stdlib.h>

#include "array.h"
#include "rank_queue.h"

void rank_queue_finish(struct rank_queue *queue)
{
	free(queue->items);
	*queue = (struct rank_queue){0};
}

int rank_queue_push(struct rank_queue *queue, struct ranked item)
{
	size_t at = queue->n;
	int r;

	r = array_reserve(&queue->items, &queue->capacity, at + 1, sizeof(item));
	if (r < 0)
		return r;
	for (; at > 0; at = (at - 1) / 2) {
		if (queue->items[(at - 1) / 2].order <= item.order)
			break;
		queue->items[at] = queue->items[(at - 1) / 2];
	}
	queue->items[at] = item;
	queue->n++;
	return 0;
}

struct ranked rank_queue_pop(struct rank_queue *queue)
{
	struct ranked *items = queue->items;
	struct ranked top = items[0];
	struct ranked last = items[--queue->n];
	size_t at = 0;

	for (size_t child = 1; child < queue->n; child = 2 * at + 1) {
		if (child + 1 < queue->n && items[child + 1].order < items[child].order)
			child++;
		if (last.order <= items[child].order)
			break;
		items[at] = items[child];
		at = child;
	}
	items[at] = last;
	return top;
}
