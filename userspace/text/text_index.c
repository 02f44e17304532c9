// SPDX-License-Identifier: MIT
/*
 * Owns the open-addressing table of texts. Knows nothing of what the texts are; they stay with
 * their owner.
 */
#include <stdlib.h>

#include "hash.h"
#include "text_index.h"

int text_index_init(struct text_index *index, const struct span *items, uint32_t n_items)
{
	uint32_t capacity = 16;
	uint32_t numbers = 2;

	while (capacity < 2 * n_items)
		capacity *= 2;
	while (numbers < n_items + 1)
		numbers *= 2;
	index->slots = calloc(capacity, sizeof(*index->slots));
	if (!index->slots)
		return -ENOMEM;
	index->items = items;
	index->mask = capacity - 1;
	index->number_mask = numbers - 1;
	return 0;
}

void text_index_finish(struct text_index *index)
{
	free(index->slots);
	*index = (struct text_index){0};
}

/* The slot that holds the text, or the free one where it would go. */
static uint32_t probe(const struct text_index *index, struct span text, uint64_t hash)
{
	uint32_t tag = (uint32_t)(hash >> 32) & ~index->number_mask;
	uint32_t at = (uint32_t)hash & index->mask;

	for (; index->slots[at] != 0; at = (at + 1) & index->mask) {
		uint32_t slot = index->slots[at];

		if ((slot & ~index->number_mask) == tag &&
		    span_equal(index->items[(slot & index->number_mask) - 1], text))
			break;
	}
	return at;
}

uint32_t text_index_add(struct text_index *index, uint32_t item)
{
	struct span text = index->items[item];
	uint64_t hash = hash_bytes(text.data, text.size);
	uint32_t at = probe(index, text, hash);

	if (index->slots[at] != 0)
		return (index->slots[at] & index->number_mask) - 1;
	index->slots[at] = ((uint32_t)(hash >> 32) & ~index->number_mask) | (item + 1);
	return item;
}

int32_t text_index_find(const struct text_index *index, const char *text, uint32_t size_bytes)
{
	uint32_t at;

	if (!index->slots)
		return -ENOENT;
	at = probe(index, (struct span){text, size_bytes}, hash_bytes(text, size_bytes));
	return index->slots[at] != 0 ? (int32_t)(index->slots[at] & index->number_mask) - 1
				     : -ENOENT;
}
