// SPDX-License-Identifier: MIT
/* Owns the growth rule of every dynamic array. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"

int array_reserve(void *items, size_t *capacity, size_t n, size_t item_bytes)
{
	size_t wanted = MAX(n, *capacity + *capacity / 2);
	void *grown;
	uint64_t bytes;

	if (n <= *capacity)
		return 0;
	wanted = MAX(wanted, 16);
	if (!size_mul(wanted, item_bytes, &bytes) || bytes > SIZE_MAX)
		return -ENOMEM;
	grown = realloc(*(void **)items, bytes);
	if (!grown)
		return -ENOMEM;
	*(void **)items = grown;
	*capacity = wanted;
	return 0;
}
