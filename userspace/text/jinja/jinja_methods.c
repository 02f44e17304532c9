// SPDX-License-Identifier: MIT
/*
 * Owns the methods that ask something of a string, and those of dicts and lists. Refuses to change a
 * list or a dict, as Jinja's sandbox does.
 */
#include <string.h>

#include "array.h"
#include "jinja_methods.h"
#include "jinja_unicode.h"
#include "utf8.h"

/* ---- searching in strings ---- */

/* The part of a string that START and END (arguments 1 and 2) leave to a search. */
struct region {
	const struct jinja_string *text;
	size_t begin;
	size_t end;
};

static bool find_region(struct jinja_state *state, const struct jinja_call *call,
			struct region *region)
{
	const struct jinja_string *text = call->self.string;
	int64_t n = jinja_length(state, call->self), bounds[2] = {0, n};

	for (int i = 0; i < 2; i++) {
		struct jinja_value value = call->arguments[i + 1];

		if (value.kind == JINJA_MISSING || value.kind == JINJA_NONE)
			continue;
		if (!jinja_is_integer(value)) {
			(void)jinja_fail_kind(state, "a place in a string", value);
			return false;
		}
		bounds[i] = jinja_integer(value);
		if (bounds[i] < 0)
			bounds[i] = MAX(bounds[i] + n, 0);
	}
	if (bounds[0] > n || bounds[0] > bounds[1])
		return false;
	*region = (struct region){text, jinja_character_at(text, (size_t)bounds[0]),
				  jinja_character_at(text, (size_t)MIN(bounds[1], n))};
	return jinja_charge(state, text->size);
}

/* The first (or last) place of the argument in characters, -1 where there is none. */
static int64_t find_place(struct jinja_state *state, const struct jinja_call *call, bool last)
{
	const struct jinja_string *part = call->arguments[0].string;
	struct region region;
	int64_t place = -1;

	if (call->arguments[0].kind != JINJA_STRING) {
		(void)jinja_fail_kind(state, "a search in a string", call->arguments[0]);
		return -1;
	}
	if (!find_region(state, call, &region))
		return -1;
	for (size_t at = region.begin; at <= region.end && jinja_charge(state, part->size);) {
		const char *found =
			memmem(region.text->data + at, region.end - at, part->data, part->size);

		if (!found)
			break;
		at = (size_t)(found - region.text->data);
		place = (int64_t)at;
		if (!last)
			break;
		at++;
	}
	return place < 0 ? -1 : (int64_t)jinja_count_characters(region.text->data, (size_t)place);
}

static struct jinja_value method_find(struct jinja_state *state, const struct jinja_call *call)
{
	return jinja_int(find_place(state, call, false));
}

static struct jinja_value method_rfind(struct jinja_state *state, const struct jinja_call *call)
{
	return jinja_int(find_place(state, call, true));
}

static struct jinja_value place_or_fail(struct jinja_state *state, int64_t place)
{
	return place < 0 ? jinja_fail(state, "index() finds nothing") : jinja_int(place);
}

static struct jinja_value method_index(struct jinja_state *state, const struct jinja_call *call)
{
	return place_or_fail(state, find_place(state, call, false));
}

static struct jinja_value method_rindex(struct jinja_state *state, const struct jinja_call *call)
{
	return place_or_fail(state, find_place(state, call, true));
}

static struct jinja_value method_count(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_string *part = call->arguments[0].string;
	struct region region;
	int64_t n = 0;

	if (call->arguments[0].kind != JINJA_STRING)
		return jinja_fail_kind(state, "count()", call->arguments[0]);
	if (!find_region(state, call, &region))
		return jinja_int(0);
	if (part->size == 0)
		return jinja_int((int64_t)jinja_count_characters(region.text->data + region.begin,
								 region.end - region.begin) +
				 1);
	for (size_t at = region.begin; at < region.end && jinja_charge(state, 0); n++) {
		const char *found =
			memmem(region.text->data + at, region.end - at, part->data, part->size);

		if (!found)
			break;
		at = (size_t)(found - region.text->data) + part->size;
	}
	return jinja_int(n);
}

static bool stands_at_end(struct jinja_state *state, const struct region *region,
			  struct jinja_value part, bool end)
{
	size_t size = region->end - region->begin;

	if (part.kind != JINJA_STRING) {
		(void)jinja_fail_kind(state, "a comparison with a beginning or end", part);
		return false;
	}
	return part.string->size <= size &&
	       memcmp(region->text->data + (end ? region->end - part.string->size : region->begin),
		      part.string->data, part.string->size) == 0;
}

static struct jinja_value stands(struct jinja_state *state, const struct jinja_call *call, bool end)
{
	struct jinja_value part = call->arguments[0];
	struct region region;

	if (!find_region(state, call, &region))
		return jinja_bool(false);
	if (part.kind != JINJA_LIST || part.list->type != JINJA_LIST_TUPLE)
		return jinja_bool(stands_at_end(state, &region, part, end));
	for (size_t i = 0; i < part.list->n && jinja_charge(state, 0); i++) {
		if (stands_at_end(state, &region, part.list->items[i], end))
			return jinja_bool(true);
	}
	return jinja_bool(false);
}

static struct jinja_value method_startswith(struct jinja_state *state,
					    const struct jinja_call *call)
{
	return stands(state, call, false);
}

static struct jinja_value method_endswith(struct jinja_state *state, const struct jinja_call *call)
{
	return stands(state, call, true);
}

/* ---- what strings are made of ---- */

static bool is_letter_or_digit(uint32_t c)
{
	return unicode_is_letter(c) || unicode_is_digit(c);
}

/* Whether there are characters and HOLDS is true of all of them. */
static struct jinja_value all_are(struct jinja_state *state, const struct jinja_call *call,
				  bool (*holds)(uint32_t c))
{
	const struct jinja_string *text = call->self.string;

	(void)jinja_charge(state, text->size);
	for (size_t at = 0; at < text->size;) {
		uint32_t c;

		at += utf8_decode(text->data + at, text->size - at, &c);
		if (!holds(c))
			return jinja_bool(false);
	}
	return jinja_bool(text->size > 0);
}

static struct jinja_value method_isdigit(struct jinja_state *state, const struct jinja_call *call)
{
	return all_are(state, call, unicode_is_digit);
}

static struct jinja_value method_isalpha(struct jinja_state *state, const struct jinja_call *call)
{
	return all_are(state, call, unicode_is_letter);
}

static struct jinja_value method_isalnum(struct jinja_state *state, const struct jinja_call *call)
{
	return all_are(state, call, is_letter_or_digit);
}

static struct jinja_value method_isspace(struct jinja_state *state, const struct jinja_call *call)
{
	return all_are(state, call, unicode_is_space);
}

static struct jinja_value method_isascii(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_string *text = call->self.string;
	bool ascii = true;

	(void)jinja_charge(state, text->size);
	for (size_t i = 0; i < text->size && ascii; i++)
		ascii = (unsigned char)text->data[i] < 0x80;
	return jinja_bool(ascii);
}

static struct jinja_value method_isupper(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_arguments none = {0};

	return jinja_call_builtin(state, jinja_find_test("upper", 5), call->self, &none);
}

static struct jinja_value method_islower(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_arguments none = {0};

	return jinja_call_builtin(state, jinja_find_test("lower", 5), call->self, &none);
}

const struct jinja_builtin jinja_string_questions[] = {
	{.name = "find", .call = method_find, {"sub", "start", "end"}, 1},
	{.name = "rfind", .call = method_rfind, {"sub", "start", "end"}, 1},
	{.name = "index", .call = method_index, {"sub", "start", "end"}, 1},
	{.name = "rindex", .call = method_rindex, {"sub", "start", "end"}, 1},
	{.name = "count", .call = method_count, {"sub", "start", "end"}, 1},
	{.name = "startswith", .call = method_startswith, {"prefix", "start", "end"}, 1},
	{.name = "endswith", .call = method_endswith, {"suffix", "start", "end"}, 1},
	{.name = "isdigit", .call = method_isdigit},
	{.name = "isdecimal", .call = method_isdigit},
	{.name = "isnumeric", .call = method_isdigit},
	{.name = "isalpha", .call = method_isalpha},
	{.name = "isalnum", .call = method_isalnum},
	{.name = "isspace", .call = method_isspace},
	{.name = "isascii", .call = method_isascii},
	{.name = "isupper", .call = method_isupper},
	{.name = "islower", .call = method_islower},
	{0},
};

/* ---- dicts and lists ---- */

static struct jinja_value refuse_change(struct jinja_state *state, const struct jinja_call *call)
{
	return jinja_fail(state, "a template may not change %s", jinja_kind_name(call->self));
}

static struct jinja_value method_keys(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_VIEW);

	for (size_t i = 0; i < call->self.dict->n && !jinja_failed(state); i++)
		jinja_append(state, list, call->self.dict->pairs[i].key);
	return jinja_of_list(list);
}

static struct jinja_value method_values(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_VIEW);

	for (size_t i = 0; i < call->self.dict->n && !jinja_failed(state); i++)
		jinja_append(state, list, call->self.dict->pairs[i].value);
	return jinja_of_list(list);
}

struct jinja_value jinja_pair_of(struct jinja_state *state, const struct jinja_pair *pair)
{
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_TUPLE);

	jinja_append(state, list, pair->key);
	jinja_append(state, list, pair->value);
	return list ? jinja_of_list(list) : jinja_undefined();
}

static struct jinja_value method_items(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_VIEW);

	for (size_t i = 0; i < call->self.dict->n && !jinja_failed(state); i++)
		jinja_append(state, list, jinja_pair_of(state, &call->self.dict->pairs[i]));
	return jinja_of_list(list);
}

static struct jinja_value method_get(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_value *found = jinja_dict_at(state, call->self.dict, call->arguments[0]);

	if (found)
		return *found;
	return call->arguments[1].kind == JINJA_MISSING ? jinja_none() : call->arguments[1];
}

static struct jinja_value method_copy(struct jinja_state *state, const struct jinja_call *call)
{
	(void)state;
	return call->self; /* nobody can change either */
}

const struct jinja_builtin jinja_dict_methods[] = {
	{.name = "keys", .call = method_keys},
	{.name = "values", .call = method_values},
	{.name = "items", .call = method_items},
	{.name = "get", .call = method_get, {"key", "default"}, 1},
	{.name = "copy", .call = method_copy},
	{.name = "update", .call = refuse_change, .takes_any = true},
	{.name = "pop", .call = refuse_change, .takes_any = true},
	{.name = "popitem", .call = refuse_change, .takes_any = true},
	{.name = "setdefault", .call = refuse_change, .takes_any = true},
	{.name = "clear", .call = refuse_change, .takes_any = true},
	{0},
};

static struct jinja_value list_index(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_list *list = call->self.list;

	for (size_t i = 0; i < list->n && jinja_charge(state, 0); i++) {
		if (jinja_equal(state, list->items[i], call->arguments[0]))
			return jinja_int((int64_t)i);
	}
	return jinja_fail(state, "index() finds nothing");
}

static struct jinja_value list_count(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_list *list = call->self.list;
	int64_t n = 0;

	for (size_t i = 0; i < list->n && jinja_charge(state, 0); i++)
		n += jinja_equal(state, list->items[i], call->arguments[0]);
	return jinja_int(n);
}

const struct jinja_builtin jinja_list_methods[] = {
	{.name = "index", .call = list_index, {"value"}, 1},
	{.name = "count", .call = list_count, {"value"}, 1},
	{.name = "copy", .call = method_copy},
	{.name = "append", .call = refuse_change, .takes_any = true},
	{.name = "extend", .call = refuse_change, .takes_any = true},
	{.name = "insert", .call = refuse_change, .takes_any = true},
	{.name = "remove", .call = refuse_change, .takes_any = true},
	{.name = "pop", .call = refuse_change, .takes_any = true},
	{.name = "sort", .call = refuse_change, .takes_any = true},
	{.name = "reverse", .call = refuse_change, .takes_any = true},
	{.name = "clear", .call = refuse_change, .takes_any = true},
	{0},
};
