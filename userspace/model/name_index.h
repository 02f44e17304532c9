/* SPDX-License-Identifier: MIT */
/* Finds a name among many and notices the second of two equal ones. */
#ifndef SLM_MODEL_NAME_INDEX_H
#define SLM_MODEL_NAME_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct name_index {
	uint32_t *slots; /* [capacity], item + 1, 0 when free */
	size_t capacity; /* a power of two, at least twice the items */
};

/* The name of item ITEM of whatever DATA is. */
typedef struct name_index_key {
	const char *data;
	uint64_t size;
} (*name_index_key_fn)(const void *data, size_t item);

/* 0 or -ENOMEM. */
int name_index_init(struct name_index *index, size_t n_items);
void name_index_finish(struct name_index *index);

/* Adds ITEM: 0, or -EEXIST when its name is there already. */
int name_index_add(struct name_index *index, name_index_key_fn key, const void *data, size_t item);

/* The item of that name, or -ENOENT. */
int64_t name_index_find(const struct name_index *index, name_index_key_fn key, const void *data,
			const char *name, size_t size_bytes);

#endif
