/* SPDX-License-Identifier: MIT */
/*
 * Finds the number of a text among up to sixteen million. One 32-bit slot per entry: the item's
 * number and, in the bits the numbers leave free, a piece of the hash, so that a search hardly
 * ever looks at a text that is not the right one. Immutable once filled.
 */
#ifndef SLM_TEXT_TEXT_INDEX_H
#define SLM_TEXT_TEXT_INDEX_H

#include <errno.h>
#include <stdint.h>

#include "span.h"

enum { TEXT_INDEX_ITEMS_MAX = (1 << 24) - 2 };

struct text_index {
	const struct span *items; /* the caller's; they outlive the index */
	uint32_t *slots;	  /* [mask + 1], a power of two; 0 is free */
	uint32_t mask;
	uint32_t number_mask; /* the slot's bits that hold item + 1 */
};

/* An empty index of ITEMS with room for N_ITEMS <= TEXT_INDEX_ITEMS_MAX of them. 0 or -ENOMEM. */
int text_index_init(struct text_index *index, const struct span *items, uint32_t n_items);
void text_index_finish(struct text_index *index);

/* Adds items[ITEM]; gives ITEM, or the earlier item of the same text, which then stays. */
uint32_t text_index_add(struct text_index *index, uint32_t item);

/* The item of that text, or -ENOENT. An index that was only zeroed is empty. */
int32_t text_index_find(const struct text_index *index, const char *text, uint32_t size_bytes);

#endif
