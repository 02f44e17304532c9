/* SPDX-License-Identifier: MIT */
/*
 * Memory for many small things that end together. An arena never moves or frees a part of itself;
 * all goes with arena_finish(). It has a limit, because what is made in one is often made by the
 * bytes of others. One arena serves one thread at a time.
 */
#ifndef SLM_BASE_ARENA_H
#define SLM_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* the newest first */
	size_t used_bytes;	    /* of blocks, whole */
	size_t limit_bytes;
	bool exceeded; /* the limit, once: then a failure is not the system's */
};

void arena_init(struct arena *arena, size_t limit_bytes);
void arena_finish(struct arena *arena);

/* SIZE_BYTES, zeroed and aligned for anything; NULL when out of memory or past the limit. */
void *arena_alloc(struct arena *arena, size_t size_bytes);
/* N items of ITEM_BYTES. */
void *arena_array(struct arena *arena, size_t n, size_t item_bytes);
/* OLD (or NULL) with room for NEW_BYTES instead of OLD_BYTES; in place where it can be. */
void *arena_grow(struct arena *arena, void *old, size_t old_bytes, size_t new_bytes);
/* A copy of SIZE_BYTES at DATA, with a NUL after it. */
char *arena_copy(struct arena *arena, const char *data, size_t size_bytes);

#endif
