// SPDX-License-Identifier: MIT
/* Bounds every read of outside bytes. Knows no format. */
#include <stddef.h>
#include <string.h>

#include "cursor.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "slm reads little-endian files in place and runs on little-endian machines only"
#endif

void cursor_init(struct cursor *cursor, const void *data, uint64_t size_bytes)
{
	*cursor = (struct cursor){.data = data, .size = size_bytes};
}

const uint8_t *cursor_take(struct cursor *cursor, uint64_t size_bytes)
{
	const uint8_t *at;

	if (cursor->failed)
		return NULL;
	if (size_bytes > cursor->size - cursor->position) {
		cursor->failed = true;
		cursor->failed_at = cursor->position;
		return NULL;
	}
	at = cursor->data + cursor->position;
	cursor->position += size_bytes;
	return at;
}

#define DEFINE_CURSOR_READ(name, type)                                 \
	type name(struct cursor *cursor)                               \
	{                                                              \
		const uint8_t *at = cursor_take(cursor, sizeof(type)); \
		type value = 0;                                        \
                                                                       \
		if (at)                                                \
			memcpy(&value, at, sizeof(value));             \
		return value;                                          \
	}

DEFINE_CURSOR_READ(cursor_u8, uint8_t)
DEFINE_CURSOR_READ(cursor_u16, uint16_t)
DEFINE_CURSOR_READ(cursor_u32, uint32_t)
DEFINE_CURSOR_READ(cursor_u64, uint64_t)
