// SPDX-License-Identifier: MIT
/* Owns json.dumps(). Refuses what has no form in JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "jinja_number.h"
#include "jinja_state.h"
#include "utf8.h"

struct writer {
	struct jinja_state *state;
	struct jinja_builder *builder;
	const struct jinja_json_options *options;
	unsigned level;
};

static void write_value(struct writer *writer, struct jinja_value value);

static bool stopped(const struct writer *writer)
{
	return jinja_failed(writer->state) || writer->builder->failed;
}

/* ---- strings ---- */

static void write_code(struct jinja_builder *builder, uint32_t c, bool foreign)
{
	char text[16];
	int n;

	if (c < 0x10000)
		n = snprintf(text, sizeof(text), "\\u%04x", c);
	else
		n = snprintf(text, sizeof(text), "\\u%04x\\u%04x", 0xd7c0 + (c >> 10),
			     0xdc00 + (c & 0x3ff));
	jinja_builder_add(builder, text, (size_t)n, foreign);
}

static void write_character(const struct writer *writer, const char *text, size_t size, uint32_t c,
			    bool foreign)
{
	static const char plain[] = "\"\\\n\r\t\b\f", letters[] = "\"\\nrtbf";
	const char *found = c && c < 0x80 ? strchr(plain, (int)c) : NULL;

	if (found) {
		char escape[] = {'\\', letters[found - plain]};

		jinja_builder_add(writer->builder, escape, 2, foreign);
	} else if (c < 0x20 || (c >= 0x7f && c != 0x7f && writer->options->ascii)) {
		write_code(writer->builder, c, foreign);
	} else {
		jinja_builder_add(writer->builder, text, size, foreign);
	}
}

static void write_string(const struct writer *writer, const struct jinja_string *string)
{
	(void)jinja_charge(writer->state, string->size);
	jinja_builder_own(writer->builder, "\"");
	for (size_t at = 0; at < string->size && !writer->builder->failed;) {
		uint32_t c;
		size_t size = utf8_decode(string->data + at, string->size - at, &c);

		write_character(writer, string->data + at, size, c, jinja_string_mark(string, at));
		at += size;
	}
	jinja_builder_own(writer->builder, "\"");
}

/* ---- containers ---- */

static void break_line(const struct writer *writer)
{
	if (!writer->options->indents)
		return;
	jinja_builder_own(writer->builder, "\n");
	for (unsigned i = 0; i < writer->level && jinja_charge(writer->state, 0); i++)
		jinja_builder_string(writer->builder, writer->options->indent);
}

static void write_list(struct writer *writer, const struct jinja_list *list)
{
	if (list->n == 0) {
		jinja_builder_own(writer->builder, "[]");
		return;
	}
	jinja_builder_own(writer->builder, "[");
	writer->level++;
	for (size_t i = 0; i < list->n && !stopped(writer); i++) {
		if (i > 0)
			jinja_builder_string(writer->builder, writer->options->between_items);
		break_line(writer);
		write_value(writer, list->items[i]);
	}
	writer->level--;
	break_line(writer);
	jinja_builder_own(writer->builder, "]");
}

static void write_number(const struct writer *writer, struct jinja_value value)
{
	char text[JINJA_NUMBER_TEXT_MAX];

	if (value.kind == JINJA_INT)
		(void)snprintf(text, sizeof(text), "%" PRId64, value.integer);
	else if (isnan(value.number))
		strcpy(text, "NaN");
	else if (isinf(value.number))
		strcpy(text, value.number < 0 ? "-Infinity" : "Infinity");
	else
		(void)jinja_float_text(value.number, text);
	jinja_builder_own(writer->builder, text);
}

static void write_key(struct writer *writer, struct jinja_value key)
{
	switch (key.kind) {
	case JINJA_STRING:
		write_string(writer, key.string);
		break;
	case JINJA_NONE:
	case JINJA_BOOL:
	case JINJA_INT:
	case JINJA_FLOAT:
		jinja_builder_own(writer->builder, "\"");
		write_value(writer, key);
		jinja_builder_own(writer->builder, "\"");
		break;
	default:
		(void)jinja_fail_kind(writer->state, "a key in JSON", key);
	}
}

static int by_key(const void *a, const void *b, void *data)
{
	const struct jinja_pair *left = a, *right = b;

	return jinja_order(data, left->key, right->key);
}

static const struct jinja_pair *sorted_pairs(struct jinja_state *state,
					     const struct jinja_dict *dict)
{
	struct jinja_pair *pairs = arena_array(state->arena, dict->n, sizeof(*pairs));

	if (!pairs) {
		(void)jinja_fail_memory(state);
		return NULL;
	}
	memcpy(pairs, dict->pairs, dict->n * sizeof(*pairs));
	qsort_r(pairs, dict->n, sizeof(*pairs), by_key, state);
	return pairs;
}

static void write_dict(struct writer *writer, const struct jinja_dict *dict)
{
	const struct jinja_pair *pairs = dict->pairs;

	if (dict->n == 0) {
		jinja_builder_own(writer->builder, "{}");
		return;
	}
	if (writer->options->sorted)
		pairs = sorted_pairs(writer->state, dict);
	jinja_builder_own(writer->builder, "{");
	writer->level++;
	for (size_t i = 0; i < dict->n && !stopped(writer); i++) {
		if (i > 0)
			jinja_builder_string(writer->builder, writer->options->between_items);
		break_line(writer);
		write_key(writer, pairs[i].key);
		jinja_builder_string(writer->builder, writer->options->after_key);
		write_value(writer, pairs[i].value);
	}
	writer->level--;
	break_line(writer);
	jinja_builder_own(writer->builder, "}");
}

/* ---- anything ---- */

static void write_any(struct writer *writer, struct jinja_value value)
{
	switch (value.kind) {
	case JINJA_NONE:
		jinja_builder_own(writer->builder, "null");
		break;
	case JINJA_BOOL:
		jinja_builder_own(writer->builder, value.boolean ? "true" : "false");
		break;
	case JINJA_INT:
	case JINJA_FLOAT:
		write_number(writer, value);
		break;
	case JINJA_STRING:
		write_string(writer, value.string);
		break;
	case JINJA_LIST:
		if (value.list->type <= JINJA_LIST_TUPLE) {
			write_list(writer, value.list);
			break;
		}
		(void)jinja_fail_kind(writer->state, "JSON", value);
		break;
	case JINJA_DICT:
		write_dict(writer, value.dict);
		break;
	default:
		(void)jinja_fail_kind(writer->state, "JSON", value);
	}
}

static void write_value(struct writer *writer, struct jinja_value value)
{
	if (!jinja_descend(writer->state))
		return;
	write_any(writer, value);
	jinja_ascend(writer->state);
}

void jinja_write_json(struct jinja_state *state, struct jinja_builder *builder,
		      const struct jinja_json_options *options, struct jinja_value value)
{
	struct writer writer = {state, builder, options, 0};

	write_value(&writer, value);
}
