// SPDX-License-Identifier: MIT
/* Owns the functions that a template finds, and the methods of loops. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "jinja_date.h"
#include "jinja_state.h"

enum { RANGE_MAX = 100000 }; /* items, as Jinja's sandbox has it */

/* ---- functions ---- */

static struct jinja_value call_range(struct jinja_state *state, const struct jinja_call *call)
{
	int64_t bounds[3] = {0, 0, 1}, at;
	struct jinja_list *list;

	for (int i = 0; i < 3; i++) {
		struct jinja_value value = call->arguments[i];

		if (value.kind == JINJA_MISSING)
			continue;
		if (!jinja_is_integer(value))
			return jinja_fail_kind(state, "range()", value);
		bounds[i] = jinja_integer(value);
	}
	if (call->arguments[1].kind == JINJA_MISSING) {
		bounds[1] = bounds[0];
		bounds[0] = 0;
	}
	if (bounds[2] == 0)
		return jinja_fail(state, "range() goes in steps of 0");
	list = jinja_new_list(state, JINJA_LIST_RANGE);
	for (at = bounds[0]; bounds[2] > 0 ? at < bounds[1] : at > bounds[1];) {
		if (list && list->n == RANGE_MAX)
			return jinja_fail(state, "range() has more than %d items", RANGE_MAX);
		jinja_append(state, list, jinja_int(at));
		if (jinja_failed(state) || __builtin_add_overflow(at, bounds[2], &at))
			break;
	}
	return jinja_of_list(list);
}

/* What dict() and namespace() have in common: a mapping, pairs, and arguments by name. */
static struct jinja_value call_dict(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_arguments *given = call->given;
	struct jinja_dict *dict = jinja_new_dict(state);

	if (given->n > 1)
		return jinja_fail(state, "dict() takes at most 1 argument by position");
	for (size_t i = 0; given->n == 1 && i < 1; i++) {
		const struct jinja_list *pairs;

		if (given->values[0].kind == JINJA_DICT) {
			const struct jinja_dict *from = given->values[0].dict;

			for (size_t k = 0; k < from->n && !jinja_failed(state); k++)
				jinja_put(state, dict, from->pairs[k].key, from->pairs[k].value);
			continue;
		}
		pairs = jinja_items(state, given->values[0]);
		for (size_t k = 0; pairs && k < pairs->n && !jinja_failed(state); k++) {
			const struct jinja_list *pair = jinja_items(state, pairs->items[k]);

			if (pair && pair->n != 2)
				return jinja_fail(state, "dict() is given what is no pair");
			if (pair)
				jinja_put(state, dict, pair->items[0], pair->items[1]);
		}
	}
	for (size_t i = 0; given->named && i < given->named->n; i++)
		jinja_put(state, dict, given->named->pairs[i].key, given->named->pairs[i].value);
	return jinja_of_dict(dict);
}

static struct jinja_value call_namespace(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_value value = call_dict(state, call);

	if (!jinja_failed(state))
		value.kind = JINJA_NAMESPACE;
	return value;
}

static struct jinja_value call_raise(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_string *text = jinja_text_of(state, call->arguments[0]);

	if (!text)
		return jinja_undefined();
	state->error = log_error(state->log, EINVAL, "the chat template refuses this: %.*s",
				 (int)MIN(text->size, (size_t)512), text->data);
	return jinja_undefined();
}

static struct jinja_value call_strftime(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_string *format = call->arguments[0].string;
	struct jinja_builder builder = jinja_begin_text(state);

	if (call->arguments[0].kind != JINJA_STRING)
		return jinja_fail_kind(state, "strftime_now()", call->arguments[0]);
	if (!state->now)
		return jinja_fail(state, "it asks for the date, and none was given");
	(void)jinja_charge(state, format->size);
	for (size_t at = 0; at < format->size && !jinja_failed(state);) {
		char text[JINJA_DATE_TEXT_MAX];
		size_t size =
			jinja_date_part(state->now, format->data + at, format->size - at, text);

		if (size == 0)
			return jinja_fail(state, "strftime_now() does not know '%.*s'",
					  (int)MIN(format->size - at, (size_t)3),
					  format->data + at);
		jinja_builder_add(&builder, text, strlen(text), jinja_string_mark(format, at));
		at += size;
	}
	return jinja_end_text(state, &builder);
}

const struct jinja_builtin jinja_functions[] = {
	{.name = "range", .call = call_range, {"start", "stop", "step"}, 1},
	{.name = "dict", .call = call_dict, .takes_any = true},
	{.name = "namespace", .call = call_namespace, .takes_any = true},
	{.name = "raise_exception", .call = call_raise, {"message"}, 1},
	{.name = "strftime_now", .call = call_strftime, {"format"}, 1},
	{0},
};

/* ---- loops ---- */

static struct jinja_value loop_cycle(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_arguments *given = call->given;

	if (given->n == 0)
		return jinja_fail(state, "loop.cycle() is given nothing");
	return given->values[call->self.loop->index % given->n];
}

static struct jinja_value loop_changed(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_loop *loop = call->self.loop;
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_TUPLE);
	bool changed;

	for (size_t i = 0; i < call->given->n; i++)
		jinja_append(state, list, call->given->values[i]);
	if (jinja_failed(state))
		return jinja_undefined();
	changed = loop->changed.kind == JINJA_MISSING ||
		  !jinja_equal(state, loop->changed, jinja_of_list(list));
	loop->changed = jinja_of_list(list);
	return jinja_bool(changed);
}

const struct jinja_builtin jinja_loop_methods[] = {
	{.name = "cycle", .call = loop_cycle, .takes_any = true},
	{.name = "changed", .call = loop_changed, .takes_any = true},
	{0},
};
