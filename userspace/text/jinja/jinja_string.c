// SPDX-License-Identifier: MIT
/* Owns the marks of strings: they are written out only for a string that has both kinds of bytes. */
#include <string.h>

#include "array.h"
#include "jinja_string.h"
#include "utf8.h"

bool jinja_string_is(const struct jinja_string *string, const char *text)
{
	return string->size == strlen(text) && memcmp(string->data, text, string->size) == 0;
}

bool jinja_string_equal(const struct jinja_string *a, const struct jinja_string *b)
{
	return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

const struct jinja_string *jinja_string_create(struct arena *arena, const char *data, size_t size,
					       bool foreign)
{
	struct jinja_string *string = arena_alloc(arena, sizeof(*string));

	if (string)
		*string = (struct jinja_string){.data = data, .size = size, .foreign = foreign};
	return string;
}

const struct jinja_string *jinja_string_part(struct arena *arena, const struct jinja_string *string,
					     size_t begin, size_t end)
{
	struct jinja_string *part;

	if (begin == 0 && end == string->size)
		return string;
	part = arena_alloc(arena, sizeof(*part));
	if (!part)
		return NULL;
	*part = *string;
	part->data += begin;
	part->size = end - begin;
	if (part->marks)
		part->marks += begin;
	return part;
}

/* ---- building ---- */

void jinja_builder_init(struct jinja_builder *builder, struct arena *arena, size_t limit_bytes)
{
	*builder =
		(struct jinja_builder){.arena = arena, .limit = limit_bytes, .text = {.data = ""}};
}

static bool reserve(struct jinja_builder *builder, size_t more)
{
	struct jinja_string *text = &builder->text;
	size_t capacity;
	void *data;

	if (more > builder->limit - text->size) {
		builder->too_long = true;
		return false;
	}
	if (more <= builder->capacity - text->size)
		return true;
	capacity = MAX(builder->capacity + builder->capacity / 2, text->size + more);
	capacity = MIN(MAX(capacity, 64), builder->limit);
	if (text->marks) {
		void *marks = arena_grow(builder->arena, (void *)text->marks, text->size, capacity);

		if (!marks)
			return false;
		text->marks = marks;
	}
	data = arena_grow(builder->arena, builder->capacity ? (void *)text->data : NULL, text->size,
			  capacity);
	if (!data)
		return false;
	text->data = data;
	builder->capacity = capacity;
	return true;
}

/* Writes the marks out once a byte of the other kind comes. */
static bool note_mark(struct jinja_builder *builder, bool foreign)
{
	struct jinja_string *text = &builder->text;
	uint8_t *marks;

	if (text->marks)
		return true;
	if (text->size == 0)
		text->foreign = foreign;
	if (text->foreign == foreign)
		return true;
	marks = arena_alloc(builder->arena, builder->capacity);
	if (!marks)
		return false;
	memset(marks, text->foreign, text->size);
	text->marks = marks;
	return true;
}

void jinja_builder_add(struct jinja_builder *builder, const char *data, size_t size, bool foreign)
{
	struct jinja_string *text = &builder->text;

	if (size == 0 || builder->failed)
		return;
	if (!reserve(builder, size) || !note_mark(builder, foreign)) {
		builder->failed = true;
		return;
	}
	memcpy((char *)text->data + text->size, data, size);
	if (text->marks)
		memset((uint8_t *)text->marks + text->size, foreign, size);
	text->size += size;
}

void jinja_builder_own(struct jinja_builder *builder, const char *text)
{
	jinja_builder_add(builder, text, strlen(text), false);
}

void jinja_builder_string(struct jinja_builder *builder, const struct jinja_string *string)
{
	jinja_builder_part(builder, string, 0, string->size);
}

void jinja_builder_part(struct jinja_builder *builder, const struct jinja_string *string,
			size_t begin, size_t end)
{
	while (begin < end) {
		bool foreign = jinja_string_mark(string, begin);
		size_t run = end - begin;

		if (string->marks) {
			const void *change = memchr(string->marks + begin, !foreign, run);

			if (change)
				run = (size_t)((const uint8_t *)change - (string->marks + begin));
		}
		jinja_builder_add(builder, string->data + begin, run, foreign);
		begin += run;
	}
}

void jinja_builder_character(struct jinja_builder *builder, uint32_t code_point, bool foreign)
{
	char bytes[UTF8_MAX];

	jinja_builder_add(builder, bytes, utf8_encode(code_point, bytes), foreign);
}

const struct jinja_string *jinja_builder_end(struct jinja_builder *builder)
{
	struct jinja_string *string;

	if (builder->failed)
		return NULL;
	string = arena_alloc(builder->arena, sizeof(*string));
	if (string)
		*string = builder->text;
	return string;
}
