/* SPDX-License-Identifier: MIT */
/*
 * The strings of templates: bytes, and for each of them whether the template wrote it itself or
 * took it from what it was given (foreign). Whatever is done to a string keeps that mark, so that
 * no message can pass its text off as the template's. Immutable; they live in arenas.
 */
#ifndef SLM_TEXT_JINJA_STRING_H
#define SLM_TEXT_JINJA_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

struct jinja_string {
	const char *data; /* [size], any bytes */
	size_t size;
	const uint8_t *marks; /* [size] 1 is foreign; NULL: all bytes are as FOREIGN says */
	bool foreign;
};

/* Whether byte AT is foreign. */
static inline bool jinja_string_mark(const struct jinja_string *string, size_t at)
{
	return string->marks ? string->marks[at] : string->foreign;
}

bool jinja_string_is(const struct jinja_string *string, const char *text);
bool jinja_string_equal(const struct jinja_string *a, const struct jinja_string *b);

/* A string that shares DATA, which lives as long as ARENA; NULL when out of memory. */
const struct jinja_string *jinja_string_create(struct arena *arena, const char *data, size_t size,
					       bool foreign);
/* The bytes [BEGIN, END) of STRING, shared. */
const struct jinja_string *jinja_string_part(struct arena *arena, const struct jinja_string *string,
					     size_t begin, size_t end);

/*
 * A string that grows. The first failure is kept, and what is added after it is lost, so that a
 * writer may ask once, at the end.
 */
struct jinja_builder {
	struct arena *arena;
	struct jinja_string text; /* data and marks are ours */
	size_t capacity;
	size_t limit; /* bytes */
	bool too_long;
	bool failed; /* too_long, or no memory */
};

void jinja_builder_init(struct jinja_builder *builder, struct arena *arena, size_t limit_bytes);
void jinja_builder_add(struct jinja_builder *builder, const char *data, size_t size, bool foreign);
/* The template's own NUL-terminated TEXT. */
void jinja_builder_own(struct jinja_builder *builder, const char *text);
void jinja_builder_string(struct jinja_builder *builder, const struct jinja_string *string);
/* The bytes [BEGIN, END) of STRING. */
void jinja_builder_part(struct jinja_builder *builder, const struct jinja_string *string,
			size_t begin, size_t end);
/* One character. */
void jinja_builder_character(struct jinja_builder *builder, uint32_t code_point, bool foreign);
/* What was built; the builder is not used again. NULL after a failure. */
const struct jinja_string *jinja_builder_end(struct jinja_builder *builder);

#endif
