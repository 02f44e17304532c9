/* SPDX-License-Identifier: MIT */
/*
 * A bounded reader of bytes that came from outside. It never reads past its end; the first failure
 * is kept with its position, and every later read fails too and gives zeros, so that a parser may
 * read a whole record and ask once. Numbers are little-endian at any alignment.
 */
#ifndef SLM_BASE_CURSOR_H
#define SLM_BASE_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

struct cursor {
	const uint8_t *data;
	uint64_t size;	   /* bytes */
	uint64_t position; /* <= size */
	bool failed;
	uint64_t failed_at; /* where the read that failed began */
};

void cursor_init(struct cursor *cursor, const void *data, uint64_t size_bytes);

static inline uint64_t cursor_left(const struct cursor *cursor)
{
	return cursor->failed ? 0 : cursor->size - cursor->position;
}

/* The next SIZE_BYTES in place and moves past them; NULL (and failed) when there are fewer. */
const uint8_t *cursor_take(struct cursor *cursor, uint64_t size_bytes);

uint8_t cursor_u8(struct cursor *cursor);
uint16_t cursor_u16(struct cursor *cursor);
uint32_t cursor_u32(struct cursor *cursor);
uint64_t cursor_u64(struct cursor *cursor);

#endif
