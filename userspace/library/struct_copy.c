// SPDX-License-Identifier: MIT
/* Owns how structs pass between versions of the library. Refuses what would be lost in silence. */
#include <errno.h>
#include <string.h>

#include "array.h"
#include "library.h"

enum { STRUCT_BYTES_MAX = 4096 };

static size_t size_of(const void *any)
{
	size_t size;

	memcpy(&size, any, sizeof(size));
	return size;
}

static bool is_plausible(size_t size)
{
	return size > sizeof(size_t) && size <= STRUCT_BYTES_MAX;
}

int struct_take(void *to, size_t to_bytes, const void *from, const struct log *log)
{
	size_t from_bytes = size_of(from);
	const unsigned char *bytes = from;

	if (!is_plausible(from_bytes))
		return log_error(log, EINVAL,
				 "no version of the params has %zu bytes: size_bytes "
				 "must be their sizeof",
				 from_bytes);
	for (size_t i = to_bytes; i < from_bytes; i++) {
		if (bytes[i] != 0)
			return log_error(log, EINVAL, "the params set what is newer than libslm %s",
					 SLM_LIBRARY_VERSION);
	}
	memcpy(to, from, MIN(to_bytes, from_bytes));
	memcpy(to, &to_bytes, sizeof(to_bytes));
	return 0;
}

int struct_give(void *to, const void *from, size_t from_bytes)
{
	size_t to_bytes = size_of(to);

	if (!is_plausible(to_bytes))
		return -EINVAL;
	memset(to, 0, to_bytes);
	memcpy(to, from, MIN(to_bytes, from_bytes));
	memcpy(to, &to_bytes, sizeof(to_bytes));
	return 0;
}
