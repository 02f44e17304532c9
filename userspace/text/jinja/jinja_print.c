// SPDX-License-Identifier: MIT
/* Owns str() and repr(). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "jinja_number.h"
#include "jinja_state.h"
#include "jinja_unicode.h"
#include "utf8.h"

/* ---- strings ---- */

static void show_code(struct jinja_builder *builder, uint32_t c, bool foreign)
{
	char text[16];

	if (c < 0x100)
		(void)snprintf(text, sizeof(text), "\\x%02x", c);
	else if (c < 0x10000)
		(void)snprintf(text, sizeof(text), "\\u%04x", c);
	else
		(void)snprintf(text, sizeof(text), "\\U%08x", c);
	jinja_builder_add(builder, text, strlen(text), foreign);
}

static void show_character(struct jinja_builder *builder, const char *text, size_t size, uint32_t c,
			   char quote, bool foreign)
{
	static const char plain[] = "\\\n\r\t", letters[] = "\\nrt";
	const char *found = c && c < 0x80 ? strchr(plain, (int)c) : NULL;

	if (c == (uint32_t)quote || found) {
		char escape[] = {'\\', found ? letters[found - plain] : quote};

		jinja_builder_add(builder, escape, 2, foreign);
	} else if (!unicode_is_printable(c) && !(size == 1 && c == 0xfffd)) {
		show_code(builder, c, foreign);
	} else {
		jinja_builder_add(builder, text, size, foreign);
	}
}

static void show_string(struct jinja_state *state, struct jinja_builder *builder,
			const struct jinja_string *string)
{
	bool singles = string->size > 0 && memchr(string->data, '\'', string->size);
	bool doubles = string->size > 0 && memchr(string->data, '"', string->size);
	const char quote[] = {singles && !doubles ? '"' : '\'', '\0'};

	(void)jinja_charge(state, string->size);
	jinja_builder_own(builder, quote);
	for (size_t at = 0; at < string->size;) {
		uint32_t c;
		size_t size = utf8_decode(string->data + at, string->size - at, &c);

		show_character(builder, string->data + at, size, c, *quote,
			       jinja_string_mark(string, at));
		at += size;
	}
	jinja_builder_own(builder, quote);
}

/* ---- containers ---- */

static void show_items(struct jinja_state *state, struct jinja_builder *builder,
		       const struct jinja_list *list)
{
	for (size_t i = 0; i < list->n && !jinja_failed(state) && !builder->failed; i++) {
		if (i > 0)
			jinja_builder_own(builder, ", ");
		jinja_show(state, builder, list->items[i]);
	}
}

static void show_list(struct jinja_state *state, struct jinja_builder *builder,
		      const struct jinja_list *list)
{
	switch (list->type) {
	case JINJA_LIST_TUPLE:
		jinja_builder_own(builder, "(");
		show_items(state, builder, list);
		jinja_builder_own(builder, list->n == 1 ? ",)" : ")");
		break;
	case JINJA_LIST_GENERATOR:
		jinja_builder_own(builder, "<generator>");
		break;
	default:
		jinja_builder_own(builder, "[");
		show_items(state, builder, list);
		jinja_builder_own(builder, "]");
	}
}

static void show_dict(struct jinja_state *state, struct jinja_builder *builder,
		      const struct jinja_dict *dict)
{
	jinja_builder_own(builder, "{");
	for (size_t i = 0; i < dict->n && !jinja_failed(state) && !builder->failed; i++) {
		if (i > 0)
			jinja_builder_own(builder, ", ");
		jinja_show(state, builder, dict->pairs[i].key);
		jinja_builder_own(builder, ": ");
		jinja_show(state, builder, dict->pairs[i].value);
	}
	jinja_builder_own(builder, "}");
}

/* ---- anything ---- */

static void show_callable(struct jinja_state *state, struct jinja_builder *builder,
			  const struct jinja_callable *callable)
{
	if (callable->builtin) {
		jinja_builder_own(builder, "<function>");
		return;
	}
	jinja_builder_own(builder, "<Macro ");
	show_string(state, builder, state->tree->symbols[callable->macro->symbol]);
	jinja_builder_own(builder, ">");
}

static void show_other(struct jinja_state *state, struct jinja_builder *builder,
		       struct jinja_value value)
{
	char text[JINJA_NUMBER_TEXT_MAX];

	switch (value.kind) {
	case JINJA_NONE:
		jinja_builder_own(builder, "None");
		break;
	case JINJA_BOOL:
		jinja_builder_own(builder, value.boolean ? "True" : "False");
		break;
	case JINJA_INT:
		(void)snprintf(text, sizeof(text), "%" PRId64, value.integer);
		jinja_builder_own(builder, text);
		break;
	case JINJA_FLOAT:
		jinja_builder_own(builder, jinja_float_text(value.number, text));
		break;
	case JINJA_NAMESPACE:
		jinja_builder_own(builder, "<Namespace ");
		show_dict(state, builder, value.dict);
		jinja_builder_own(builder, ">");
		break;
	case JINJA_LOOP:
		(void)snprintf(text, sizeof(text), "<LoopContext %zu/%zu>", value.loop->index + 1,
			       value.loop->items->n);
		jinja_builder_own(builder, text);
		break;
	case JINJA_CALLABLE:
		show_callable(state, builder, value.callable);
		break;
	default:
		jinja_builder_own(builder, "Undefined");
	}
}

void jinja_show(struct jinja_state *state, struct jinja_builder *builder, struct jinja_value value)
{
	if (!jinja_descend(state))
		return;
	if (value.kind == JINJA_STRING)
		show_string(state, builder, value.string);
	else if (value.kind == JINJA_LIST)
		show_list(state, builder, value.list);
	else if (value.kind == JINJA_DICT)
		show_dict(state, builder, value.dict);
	else
		show_other(state, builder, value);
	jinja_ascend(state);
}

void jinja_print(struct jinja_state *state, struct jinja_builder *builder, struct jinja_value value)
{
	if (value.kind == JINJA_STRING)
		jinja_builder_string(builder, value.string);
	else if (value.kind != JINJA_UNDEFINED)
		jinja_show(state, builder, value);
}

const struct jinja_string *jinja_text_of(struct jinja_state *state, struct jinja_value value)
{
	struct jinja_builder builder;

	if (value.kind == JINJA_STRING)
		return value.string;
	builder = jinja_begin_text(state);
	jinja_print(state, &builder, value);
	value = jinja_end_text(state, &builder);
	return jinja_failed(state) ? NULL : value.string;
}
