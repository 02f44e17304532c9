/* SPDX-License-Identifier: MIT */
/* Text that somebody else owns: not NUL-terminated, any bytes. */
#ifndef SLM_BASE_SPAN_H
#define SLM_BASE_SPAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *data;
	uint32_t size; /* bytes */
};

/* The bytes [begin, end) of a text. */
struct text_range {
	uint32_t begin;
	uint32_t end;
};

/* The span of a string literal. */
#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

static inline bool span_equal(struct span a, struct span b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool span_is(struct span span, const char *text)
{
	return span.size == strlen(text) && memcmp(span.data, text, span.size) == 0;
}

/* For "%.*s": how much of SPAN a message shows. */
static inline int span_shown(struct span span)
{
	return span.size < 64 ? (int)span.size : 64;
}

#endif
