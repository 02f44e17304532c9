// SPDX-License-Identifier: MIT
/* Owns the methods that cut a string into a list. */
#include <string.h>

#include "array.h"
#include "jinja_methods.h"
#include "jinja_unicode.h"
#include "utf8.h"

/* A string that is cut into pieces from its beginning. */
struct cutter {
	struct jinja_state *state;
	const struct jinja_string *text;
	const struct jinja_string *separator; /* NULL: runs of white space */
	struct jinja_list *list;
};

static void add_piece(const struct cutter *cutter, size_t begin, size_t end)
{
	jinja_append(cutter->state, cutter->list,
		     jinja_part(cutter->state, cutter->text, begin, end));
}

/* The end of the characters from AT that are (or are not) white space. */
static size_t span_end(const struct jinja_string *text, size_t at, bool space)
{
	while (at < text->size) {
		uint32_t c;
		size_t size = utf8_decode(text->data + at, text->size - at, &c);

		if (unicode_is_space(c) != space)
			break;
		at += size;
	}
	return at;
}

static void cut_at_space(const struct cutter *cutter, uint64_t n)
{
	const struct jinja_string *text = cutter->text;
	size_t at = span_end(text, 0, true);

	while (at < text->size && !jinja_failed(cutter->state)) {
		/* What is left when the cuts are used up keeps the white space at its end. */
		size_t end = n-- > 0 ? span_end(text, at, false) : text->size;

		add_piece(cutter, at, end);
		at = span_end(text, end, true);
	}
}

static void cut_at_separator(const struct cutter *cutter, uint64_t n)
{
	const struct jinja_string *text = cutter->text, *separator = cutter->separator;
	size_t begin = 0;

	while (n-- > 0 && !jinja_failed(cutter->state)) {
		const char *found = memmem(text->data + begin, text->size - begin, separator->data,
					   separator->size);

		if (!found)
			break;
		add_piece(cutter, begin, (size_t)(found - text->data));
		begin = (size_t)(found - text->data) + separator->size;
	}
	add_piece(cutter, begin, text->size);
}

/* The last place of SEPARATOR in TEXT[0, END), or SIZE_MAX. */
static size_t find_last(const struct cutter *cutter, const struct jinja_string *separator,
			size_t end)
{
	const char *text = cutter->text->data;

	for (size_t at = end; at-- > 0;) {
		if (text[at] != *separator->data || at + separator->size > end)
			continue;
		/* A separator that almost stands everywhere is dear. */
		if (!jinja_charge(cutter->state, separator->size))
			break;
		if (memcmp(text + at, separator->data, separator->size) == 0)
			return at;
	}
	return SIZE_MAX;
}

static void reverse(struct jinja_list *list)
{
	for (size_t i = 0; list && i < list->n / 2; i++) {
		struct jinja_value item = list->items[i];

		list->items[i] = list->items[list->n - 1 - i];
		list->items[list->n - 1 - i] = item;
	}
}

static void cut_at_separator_back(const struct cutter *cutter, uint64_t n)
{
	const struct jinja_string *separator = cutter->separator;
	size_t end = cutter->text->size;

	while (n-- > 0 && !jinja_failed(cutter->state)) {
		size_t found = find_last(cutter, separator, end);

		if (found == SIZE_MAX)
			break;
		add_piece(cutter, found + separator->size, end);
		end = found;
	}
	add_piece(cutter, 0, end);
	reverse(cutter->list);
}

/* With white space the pieces from the front are as good, save that the first N stay one. */
static void cut_at_space_back(const struct cutter *cutter, uint64_t n)
{
	const struct jinja_string *text = cutter->text;
	size_t pieces = 0, begin = span_end(text, 0, true), at = begin;

	for (; at < text->size; pieces++)
		at = span_end(text, span_end(text, at, false), true);
	at = begin;
	if (pieces > n) {
		size_t end = begin;

		for (size_t i = 0; i < pieces - n; i++) {
			end = span_end(text, at, false);
			at = span_end(text, end, true);
		}
		add_piece(cutter, 0, end);
	}
	while (at < text->size && !jinja_failed(cutter->state)) {
		size_t end = span_end(text, at, false);

		add_piece(cutter, at, end);
		at = span_end(text, end, true);
	}
}

static struct jinja_value cut(struct jinja_state *state, const struct jinja_call *call, bool back)
{
	struct cutter cutter = {.state = state, .text = call->self.string};
	const struct jinja_value *separator = &call->arguments[0], *n = &call->arguments[1];
	uint64_t cuts = UINT64_MAX;

	if (separator->kind == JINJA_STRING)
		cutter.separator = separator->string;
	else if (separator->kind != JINJA_MISSING && separator->kind != JINJA_NONE)
		return jinja_fail_kind(state, "split()", *separator);
	if (cutter.separator && cutter.separator->size == 0)
		return jinja_fail(state, "split() is given an empty separator");
	if (n->kind != JINJA_MISSING && !jinja_is_integer(*n))
		return jinja_fail_kind(state, "split()", *n);
	if (n->kind != JINJA_MISSING && jinja_integer(*n) >= 0)
		cuts = (uint64_t)jinja_integer(*n);
	cutter.list = jinja_new_list(state, JINJA_LIST_PLAIN);
	(void)jinja_charge(state, 4 * cutter.text->size);
	if (cutter.separator && back)
		cut_at_separator_back(&cutter, cuts);
	else if (cutter.separator)
		cut_at_separator(&cutter, cuts);
	else if (back)
		cut_at_space_back(&cutter, cuts);
	else
		cut_at_space(&cutter, cuts);
	return cutter.list ? jinja_of_list(cutter.list) : jinja_undefined();
}

struct jinja_value jinja_split(struct jinja_state *state, const struct jinja_call *call)
{
	return cut(state, call, false);
}

struct jinja_value jinja_rsplit(struct jinja_state *state, const struct jinja_call *call)
{
	return cut(state, call, true);
}

struct jinja_value jinja_splitlines(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_string *text = call->self.string;
	struct cutter cutter = {state, text, NULL, jinja_new_list(state, JINJA_LIST_PLAIN)};
	bool keep = jinja_truth(call->arguments[0]);
	size_t begin = 0;

	for (size_t at = 0; at < text->size && jinja_charge(state, 0);) {
		uint32_t c;
		size_t end = at + utf8_decode(text->data + at, text->size - at, &c);

		if (!unicode_is_line_end(c)) {
			at = end;
			continue;
		}
		end += c == '\r' && end < text->size && text->data[end] == '\n';
		add_piece(&cutter, begin, keep ? end : at);
		begin = at = end;
	}
	if (begin < text->size)
		add_piece(&cutter, begin, text->size);
	return cutter.list ? jinja_of_list(cutter.list) : jinja_undefined();
}

static struct jinja_value partition(struct jinja_state *state, const struct jinja_call *call,
				    bool back)
{
	const struct jinja_string *text = call->self.string, *separator;
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_TUPLE);
	struct cutter cutter = {state, text, NULL, list};
	size_t found = SIZE_MAX;
	const char *first;

	if (call->arguments[0].kind != JINJA_STRING || call->arguments[0].string->size == 0)
		return jinja_fail_kind(state, "partition()", call->arguments[0]);
	separator = call->arguments[0].string;
	(void)jinja_charge(state, text->size);
	first = memmem(text->data, text->size, separator->data, separator->size);
	if (first)
		found = back ? find_last(&cutter, separator, text->size)
			     : (size_t)(first - text->data);
	if (found == SIZE_MAX) {
		size_t middle = back ? 0 : text->size;

		add_piece(&cutter, 0, middle);
		add_piece(&cutter, middle, middle);
		add_piece(&cutter, middle, text->size);
		return jinja_of_list(list);
	}
	add_piece(&cutter, 0, found);
	add_piece(&cutter, found, found + separator->size);
	add_piece(&cutter, found + separator->size, text->size);
	return jinja_of_list(list);
}

struct jinja_value jinja_partition(struct jinja_state *state, const struct jinja_call *call)
{
	return partition(state, call, false);
}

struct jinja_value jinja_rpartition(struct jinja_state *state, const struct jinja_call *call)
{
	return partition(state, call, true);
}
