// SPDX-License-Identifier: MIT
/* Owns the way of any bytes into a JSON string. */
#include <stdlib.h>

#include "cleanup.h"
#include "json_text.h"
#include "utf8.h"

json_t *json_text(const char *text, size_t size)
{
	_cleanup_free_ char *valid = malloc(3 * size + 1);
	size_t n = 0, at = 0;

	if (!valid)
		return NULL;
	while (at < size) {
		uint32_t c;

		at += utf8_decode(text + at, size - at, &c);
		n += utf8_encode(c, valid + n);
	}
	return json_stringn(valid, n);
}
