// SPDX-License-Identifier: MIT
/* Owns attributes, items and slices. Refuses to look into what is undefined. */
#include <string.h>

#include "array.h"
#include "jinja_state.h"
#include "utf8.h"

/* ---- characters ---- */

size_t jinja_count_characters(const char *text, size_t size)
{
	size_t n = 0;

	for (size_t at = 0; at < size; n++) {
		uint32_t c;

		at += utf8_decode(text + at, size - at, &c);
	}
	return n;
}

size_t jinja_character_at(const struct jinja_string *string, size_t n)
{
	size_t at = 0;

	while (n-- > 0 && at < string->size) {
		uint32_t c;

		at += utf8_decode(string->data + at, string->size - at, &c);
	}
	return at;
}

/* ---- dicts ---- */

struct jinja_value *jinja_dict_at(struct jinja_state *state, const struct jinja_dict *dict,
				  struct jinja_value key)
{
	if (!jinja_charge(state, 8 * dict->n))
		return NULL;
	if (key.kind == JINJA_STRING)
		return jinja_dict_find(dict, key.string->data, key.string->size);
	for (size_t i = 0; i < dict->n; i++) {
		if (jinja_equal(state, dict->pairs[i].key, key))
			return &dict->pairs[i].value;
	}
	return NULL;
}

/* ---- attributes ---- */

static struct jinja_value undefined_member(const struct jinja_string *name)
{
	return (struct jinja_value){.kind = JINJA_UNDEFINED, .string = name};
}

static struct jinja_value loop_item(const struct jinja_loop *loop, size_t index,
				    const struct jinja_string *name)
{
	return index < loop->items->n ? loop->items->items[index] : undefined_member(name);
}

static struct jinja_value loop_member(const struct jinja_loop *loop,
				      const struct jinja_string *name)
{
	int64_t index = (int64_t)loop->index, n = (int64_t)loop->items->n;

	if (jinja_string_is(name, "index"))
		return jinja_int(index + 1);
	if (jinja_string_is(name, "index0"))
		return jinja_int(index);
	if (jinja_string_is(name, "revindex"))
		return jinja_int(n - index);
	if (jinja_string_is(name, "revindex0"))
		return jinja_int(n - index - 1);
	if (jinja_string_is(name, "first"))
		return jinja_bool(index == 0);
	if (jinja_string_is(name, "last"))
		return jinja_bool(index + 1 == n);
	if (jinja_string_is(name, "length"))
		return jinja_int(n);
	if (jinja_string_is(name, "depth"))
		return jinja_int(1);
	if (jinja_string_is(name, "depth0"))
		return jinja_int(0);
	if (jinja_string_is(name, "previtem"))
		return loop_item(loop, loop->index - 1, name);
	return jinja_string_is(name, "nextitem") ? loop_item(loop, loop->index + 1, name)
						 : undefined_member(name);
}

/* The method NAME of OBJECT, or what kinds other than dicts have under a name; else undefined. */
static struct jinja_value own_member(struct jinja_state *state, struct jinja_value object,
				     const struct jinja_string *name)
{
	const struct jinja_builtin *method = jinja_find_method(object, name->data, name->size);

	if (method)
		return jinja_builtin_value(state, method, object);
	if (object.kind == JINJA_LOOP)
		return loop_member(object.loop, name);
	if (object.kind == JINJA_NAMESPACE) {
		struct jinja_value *found = jinja_dict_find(object.dict, name->data, name->size);

		return found ? *found : undefined_member(name);
	}
	return undefined_member(name);
}

static struct jinja_value dict_member(struct jinja_state *state, const struct jinja_dict *dict,
				      struct jinja_value key)
{
	struct jinja_value *found = jinja_dict_at(state, dict, key);

	if (found)
		return *found;
	return undefined_member(key.kind == JINJA_STRING ? key.string : NULL);
}

static struct jinja_value look_into_undefined(struct jinja_state *state, struct jinja_value object,
					      const struct jinja_string *name)
{
	int size = name ? (int)MIN(name->size, (size_t)64) : 0;

	if (!object.string)
		return jinja_fail(state, "'%.*s' is asked of an undefined value", size,
				  name ? name->data : "");
	return jinja_fail(state, "'%.*s' is undefined, and its '%.*s' is asked for",
			  (int)MIN(object.string->size, (size_t)64), object.string->data, size,
			  name ? name->data : "");
}

struct jinja_value jinja_attribute(struct jinja_state *state, struct jinja_value object,
				   const struct jinja_string *name)
{
	if (!jinja_charge(state, name->size))
		return jinja_undefined();
	if (object.kind == JINJA_UNDEFINED)
		return look_into_undefined(state, object, name);
	if (object.kind == JINJA_DICT && !jinja_find_method(object, name->data, name->size))
		return dict_member(state, object.dict, jinja_of_string(name));
	return own_member(state, object, name);
}

/* ---- items ---- */

static struct jinja_value string_item(struct jinja_state *state, const struct jinja_string *string,
				      int64_t index)
{
	int64_t n = jinja_length(state, jinja_of_string(string));
	size_t begin;
	uint32_t c;

	if (index < 0)
		index += n;
	if (index < 0 || index >= n)
		return jinja_undefined();
	begin = jinja_character_at(string, (size_t)index);
	return jinja_part(state, string, begin,
			  begin + utf8_decode(string->data + begin, string->size - begin, &c));
}

static struct jinja_value list_item(const struct jinja_list *list, int64_t index)
{
	if (list->type > JINJA_LIST_RANGE)
		return jinja_undefined();
	if (index < 0)
		index += (int64_t)list->n;
	if (index < 0 || (uint64_t)index >= list->n)
		return jinja_undefined();
	return list->items[index];
}

struct jinja_value jinja_item(struct jinja_state *state, struct jinja_value object,
			      struct jinja_value key)
{
	if (!jinja_charge(state, 0))
		return jinja_undefined();
	if (object.kind == JINJA_UNDEFINED)
		return look_into_undefined(state, object,
					   key.kind == JINJA_STRING ? key.string : NULL);
	if (object.kind == JINJA_DICT) {
		struct jinja_value found = dict_member(state, object.dict, key);

		if (found.kind != JINJA_UNDEFINED || key.kind != JINJA_STRING)
			return found;
	}
	if (key.kind == JINJA_STRING)
		return own_member(state, object, key.string);
	if (object.kind == JINJA_STRING && jinja_is_integer(key))
		return string_item(state, object.string, jinja_integer(key));
	if (object.kind == JINJA_LIST && jinja_is_integer(key))
		return list_item(object.list, jinja_integer(key));
	return jinja_undefined();
}

/* ---- slices ---- */

struct slice {
	int64_t begin, end, step;
};

static int64_t clamp(int64_t value, int64_t n, int64_t least, int64_t most)
{
	if (value < 0)
		value += n;
	return MIN(MAX(value, least), most);
}

/* Python's rules for N items. */
static struct slice slice_of(const struct jinja_value bounds[static 3], int64_t n)
{
	struct slice slice = {.step = 1};
	bool down;

	if (bounds[2].kind != JINJA_NONE)
		slice.step = MAX(jinja_integer(bounds[2]), -INT64_MAX);
	down = slice.step < 0;
	slice.begin = down ? n - 1 : 0;
	slice.end = down ? -1 : n;
	if (bounds[0].kind != JINJA_NONE)
		slice.begin = clamp(jinja_integer(bounds[0]), n, down ? -1 : 0, down ? n - 1 : n);
	if (bounds[1].kind != JINJA_NONE)
		slice.end = clamp(jinja_integer(bounds[1]), n, down ? -1 : 0, down ? n - 1 : n);
	return slice;
}

static bool slice_goes_on(const struct slice *slice, int64_t at)
{
	return slice->step > 0 ? at < slice->end : at > slice->end;
}

/* The step may lead past any number; then the slice ends there. */
static int64_t slice_next(const struct slice *slice, int64_t at)
{
	int64_t next;

	return __builtin_add_overflow(at, slice->step, &next) ? slice->end : next;
}

static struct jinja_value slice_list(struct jinja_state *state, const struct jinja_list *from,
				     const struct slice *slice)
{
	struct jinja_list *list = jinja_new_list(state, from->type);

	for (int64_t at = slice->begin; slice_goes_on(slice, at) && !jinja_failed(state);
	     at = slice_next(slice, at))
		jinja_append(state, list, from->items[at]);
	return jinja_of_list(list);
}

static struct jinja_value slice_string(struct jinja_state *state, const struct jinja_string *string,
				       const struct slice *slice)
{
	struct jinja_builder builder;
	const struct jinja_list *characters;

	if (slice->step == 1) {
		size_t begin = jinja_character_at(string, (size_t)slice->begin);
		size_t end = jinja_character_at(string, (size_t)slice->end);

		return jinja_part(state, string, begin, MAX(begin, end));
	}
	characters = jinja_items(state, jinja_of_string(string));
	builder = jinja_begin_text(state);
	for (int64_t at = slice->begin;
	     characters && slice_goes_on(slice, at) && jinja_charge(state, 0);
	     at = slice_next(slice, at))
		jinja_builder_string(&builder, characters->items[at].string);
	return jinja_end_text(state, &builder);
}

struct jinja_value jinja_slice(struct jinja_state *state, struct jinja_value object,
			       const struct jinja_value bounds[static 3])
{
	struct slice slice;

	if (!jinja_charge(state, 0))
		return jinja_undefined();
	if (object.kind == JINJA_UNDEFINED)
		return look_into_undefined(state, object, NULL);
	for (int i = 0; i < 3; i++) {
		if (bounds[i].kind != JINJA_NONE && !jinja_is_integer(bounds[i]))
			return jinja_fail_kind(state, "a bound of a slice", bounds[i]);
	}
	if ((object.kind != JINJA_STRING && object.kind != JINJA_LIST) ||
	    (object.kind == JINJA_LIST && object.list->type > JINJA_LIST_RANGE))
		return jinja_fail_kind(state, "a slice", object);
	if (bounds[2].kind != JINJA_NONE && jinja_integer(bounds[2]) == 0)
		return jinja_fail(state, "a slice goes in steps of 0");
	slice = slice_of(bounds, jinja_length(state, object));
	if (jinja_failed(state))
		return jinja_undefined();
	return object.kind == JINJA_STRING ? slice_string(state, object.string, &slice)
					   : slice_list(state, object.list, &slice);
}
