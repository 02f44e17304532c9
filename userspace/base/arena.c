// SPDX-License-Identifier: MIT
/* Owns a chain of blocks. Refuses to grow past its limit. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "array.h"

enum {
	ALIGNMENT = 16,
	BLOCK_BYTES_MIN = 4 << 10,
	BLOCK_BYTES_MAX = 1 << 20,
};

struct arena_block {
	struct arena_block *next;
	size_t size; /* of bytes */
	size_t used;
	size_t last; /* where the newest part begins */
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

/* Under AddressSanitizer what was not handed out is out of bounds, as it is with malloc(). */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif

#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
enum { GAP_BYTES = ALIGNMENT };
#else
#define ASAN_POISON_MEMORY_REGION(data, size)	((void)(data))
#define ASAN_UNPOISON_MEMORY_REGION(data, size) ((void)(data))
enum { GAP_BYTES = 0 };
#endif

void arena_init(struct arena *arena, size_t limit_bytes)
{
	*arena = (struct arena){.limit_bytes = limit_bytes};
}

void arena_finish(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->size);
		free(block);
	}
	arena->used_bytes = 0;
}

static struct arena_block *add_block(struct arena *arena, size_t least)
{
	size_t size =
		MIN(MAX(arena->used_bytes / 2, (size_t)BLOCK_BYTES_MIN), (size_t)BLOCK_BYTES_MAX);
	size_t left = arena->limit_bytes - arena->used_bytes;
	struct arena_block *block;

	size = MAX(MIN(size, left), least);
	if (size > left) {
		arena->exceeded = true;
		return NULL;
	}
	block = malloc(sizeof(*block) + size);
	if (!block)
		return NULL;
	*block = (struct arena_block){.next = arena->blocks, .size = size};
	ASAN_POISON_MEMORY_REGION(block->bytes, size);
	arena->blocks = block;
	arena->used_bytes += size;
	return block;
}

/* What a part of SIZE_BYTES takes; 0 where that does not fit a number. */
static size_t space_of(size_t size_bytes)
{
	if (size_bytes > SIZE_MAX / 2)
		return 0;
	return round_up(MAX(size_bytes, 1), ALIGNMENT) + GAP_BYTES;
}

static void *reserve(struct arena *arena, size_t size_bytes)
{
	size_t space = space_of(size_bytes);
	struct arena_block *block = arena->blocks;

	if (space == 0) {
		arena->exceeded = true;
		return NULL;
	}
	if (!block || block->size - block->used < space)
		block = add_block(arena, space);
	if (!block)
		return NULL;
	block->last = block->used;
	block->used += space;
	ASAN_UNPOISON_MEMORY_REGION(block->bytes + block->last, size_bytes);
	return block->bytes + block->last;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
	void *part = reserve(arena, size_bytes);

	return part ? memset(part, 0, size_bytes) : NULL;
}

void *arena_array(struct arena *arena, size_t n, size_t item_bytes)
{
	uint64_t size;

	if (!size_mul(n, item_bytes, &size)) {
		arena->exceeded = true;
		return NULL;
	}
	return arena_alloc(arena, size);
}

static bool grows_in_place(const struct arena *arena, const void *old, size_t new_bytes)
{
	struct arena_block *block = arena->blocks;
	size_t space = space_of(new_bytes);

	if (!block || !old || old != block->bytes + block->last || space == 0 ||
	    space > block->size - block->last)
		return false;
	block->used = block->last + space;
	ASAN_UNPOISON_MEMORY_REGION(block->bytes + block->last, new_bytes);
	return true;
}

void *arena_grow(struct arena *arena, void *old, size_t old_bytes, size_t new_bytes)
{
	void *part;

	if (grows_in_place(arena, old, new_bytes))
		return old;
	part = reserve(arena, new_bytes);
	if (part && old_bytes > 0)
		memcpy(part, old, old_bytes);
	return part;
}

char *arena_copy(struct arena *arena, const char *data, size_t size_bytes)
{
	char *copy = size_bytes < SIZE_MAX ? reserve(arena, size_bytes + 1) : NULL;

	if (!copy)
		return NULL;
	if (size_bytes > 0)
		memcpy(copy, data, size_bytes);
	copy[size_bytes] = '\0';
	return copy;
}
