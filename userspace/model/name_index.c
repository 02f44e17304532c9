// SPDX-License-Identifier: MIT
/* An open-addressing table of item numbers; the names stay with their owner. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "name_index.h"

int name_index_init(struct name_index *index, size_t n_items)
{
	size_t capacity = 16;

	while (capacity < 2 * n_items)
		capacity *= 2;
	index->slots = calloc(capacity, sizeof(*index->slots));
	if (!index->slots)
		return -ENOMEM;
	index->capacity = capacity;
	return 0;
}

void name_index_finish(struct name_index *index)
{
	free(index->slots);
	*index = (struct name_index){0};
}

/* The slot that holds the name, or the free one where it would go. */
static size_t probe(const struct name_index *index, name_index_key_fn key, const void *data,
		    const char *name, size_t size_bytes)
{
	size_t mask = index->capacity - 1;
	size_t slot = hash_bytes(name, size_bytes) & mask;

	for (; index->slots[slot] != 0; slot = (slot + 1) & mask) {
		struct name_index_key held = key(data, index->slots[slot] - 1);

		if (held.size == size_bytes && memcmp(held.data, name, size_bytes) == 0)
			break;
	}
	return slot;
}

int name_index_add(struct name_index *index, name_index_key_fn key, const void *data, size_t item)
{
	struct name_index_key name = key(data, item);
	size_t slot = probe(index, key, data, name.data, name.size);

	if (index->slots[slot] != 0)
		return -EEXIST;
	index->slots[slot] = (uint32_t)item + 1;
	return 0;
}

int64_t name_index_find(const struct name_index *index, name_index_key_fn key, const void *data,
			const char *name, size_t size_bytes)
{
	size_t slot = probe(index, key, data, name, size_bytes);

	return index->slots[slot] != 0 ? (int64_t)index->slots[slot] - 1 : -ENOENT;
}
