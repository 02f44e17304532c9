// SPDX-License-Identifier: MIT
/* Owns failures, limits and scopes. Refuses to let a template run, grow or nest without end. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "array.h"
#include "jinja_state.h"

enum { CHARGE_BYTES = 32 }; /* that one step pays for */

struct jinja_value jinja_fail(struct jinja_state *state, const char *format, ...)
{
	char text[512];
	va_list args;

	if (jinja_failed(state))
		return jinja_undefined();
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	state->error = log_error(state->log, EINVAL,
				 "the chat template fails in line %" PRIu32 ": %s", state->line,
				 text);
	return jinja_undefined();
}

struct jinja_value jinja_fail_memory(struct jinja_state *state)
{
	if (jinja_failed(state))
		return jinja_undefined();
	if (state->arena->exceeded)
		state->error = log_error(state->log, E2BIG,
					 "the chat template wants more than %zu MiB of memory "
					 "(line %" PRIu32 ")",
					 state->arena->limit_bytes >> 20, state->line);
	else
		state->error = log_oom(state->log, "filling in the chat template");
	return jinja_undefined();
}

struct jinja_value jinja_fail_kind(struct jinja_state *state, const char *operation,
				   struct jinja_value value)
{
	if (value.kind == JINJA_UNDEFINED && value.string)
		return jinja_fail(state, "'%.*s' is undefined, and %s needs a value",
				  (int)MIN(value.string->size, (size_t)64), value.string->data,
				  operation);
	return jinja_fail(state, "%s cannot be done with %s", operation, jinja_kind_name(value));
}

bool jinja_charge(struct jinja_state *state, size_t n)
{
	uint64_t cost = 1 + n / CHARGE_BYTES;

	if (jinja_failed(state))
		return false;
	if (cost <= state->steps_left) {
		state->steps_left -= cost;
		return true;
	}
	state->error = log_error(state->log, E2BIG,
				 "the chat template does not come to an end (line %" PRIu32 ")",
				 state->line);
	return false;
}

bool jinja_descend(struct jinja_state *state)
{
	if (!jinja_charge(state, 0))
		return false;
	if (state->depth < JINJA_DEPTH_MAX) {
		state->depth++;
		return true;
	}
	(void)jinja_fail(state, "it is nested more than %d deep", JINJA_DEPTH_MAX);
	return false;
}

void jinja_ascend(struct jinja_state *state)
{
	state->depth--;
}

/* ---- scopes ---- */

struct jinja_scope *jinja_scope_create(struct jinja_state *state, struct jinja_scope *parent)
{
	struct jinja_scope *scope = arena_alloc(state->arena, sizeof(*scope));

	if (!scope) {
		(void)jinja_fail_memory(state);
		return NULL;
	}
	scope->parent = parent;
	return scope;
}

static struct jinja_binding *find_binding(const struct jinja_scope *scope, uint32_t symbol)
{
	for (size_t i = 0; i < scope->n; i++) {
		if (scope->bindings[i].symbol == symbol)
			return &scope->bindings[i];
	}
	return NULL;
}

void jinja_bind(struct jinja_state *state, struct jinja_scope *scope, uint32_t symbol,
		struct jinja_value value)
{
	struct jinja_binding *found;

	if (!jinja_charge(state, scope ? scope->n : 0))
		return;
	found = find_binding(scope, symbol);
	if (found) {
		found->value = value;
		return;
	}
	if (scope->n == scope->capacity) {
		size_t capacity = MAX(2 * scope->capacity, (size_t)4);
		void *grown = arena_grow(state->arena, scope->bindings,
					 scope->n * sizeof(*scope->bindings),
					 capacity * sizeof(*scope->bindings));

		if (!grown) {
			(void)jinja_fail_memory(state);
			return;
		}
		scope->bindings = grown;
		scope->capacity = capacity;
	}
	scope->bindings[scope->n++] = (struct jinja_binding){symbol, value};
}

void jinja_bind_name(struct jinja_state *state, struct jinja_scope *scope, const char *name,
		     size_t size, struct jinja_value value)
{
	const struct jinja_tree *tree = state->tree;

	for (uint32_t i = 0; i < tree->n_symbols; i++) {
		if (tree->symbols[i]->size == size &&
		    memcmp(tree->symbols[i]->data, name, size) == 0) {
			jinja_bind(state, scope, i, value);
			return;
		}
	}
}

struct jinja_value jinja_look_up(struct jinja_state *state, uint32_t symbol)
{
	for (const struct jinja_scope *scope = state->scope; scope; scope = scope->parent) {
		struct jinja_binding *found = find_binding(scope, symbol);

		if (!jinja_charge(state, scope->n))
			break;
		if (found)
			return found->value;
	}
	return (struct jinja_value){.kind = JINJA_UNDEFINED,
				    .string = state->tree->symbols[symbol]};
}

/* ---- making values ---- */

struct jinja_builder jinja_begin_text(struct jinja_state *state)
{
	struct jinja_builder builder;

	jinja_builder_init(&builder, state->arena, state->text_limit);
	return builder;
}

struct jinja_value jinja_end_text(struct jinja_state *state, struct jinja_builder *builder)
{
	const struct jinja_string *string;

	if (builder->too_long && !jinja_failed(state))
		state->error = log_error(state->log, E2BIG,
					 "the chat template makes a text of more than %zu MiB "
					 "(line %" PRIu32 ")",
					 state->text_limit >> 20, state->line);
	string = jinja_builder_end(builder);
	if (!string)
		return jinja_fail_memory(state);
	(void)jinja_charge(state, string->size);
	return jinja_of_string(string);
}

struct jinja_value jinja_own_text(struct jinja_state *state, const char *text)
{
	struct jinja_builder builder = jinja_begin_text(state);

	jinja_builder_own(&builder, text);
	return jinja_end_text(state, &builder);
}

struct jinja_value jinja_part(struct jinja_state *state, const struct jinja_string *string,
			      size_t begin, size_t end)
{
	const struct jinja_string *part;

	(void)jinja_charge(state, 0);
	part = jinja_string_part(state->arena, string, begin, end);
	return part ? jinja_of_string(part) : jinja_fail_memory(state);
}

struct jinja_list *jinja_new_list(struct jinja_state *state, enum jinja_list_type type)
{
	struct jinja_list *list = jinja_list_create(state->arena, type, 0);

	if (!list)
		(void)jinja_fail_memory(state);
	return list;
}

struct jinja_dict *jinja_new_dict(struct jinja_state *state)
{
	struct jinja_dict *dict = jinja_dict_create(state->arena, 0);

	if (!dict)
		(void)jinja_fail_memory(state);
	return dict;
}

void jinja_append(struct jinja_state *state, struct jinja_list *list, struct jinja_value value)
{
	if (!jinja_charge(state, 0) || !list)
		return;
	if (jinja_list_add(state->arena, list, value) < 0)
		(void)jinja_fail_memory(state);
}

static bool can_be_key(struct jinja_value value)
{
	if (value.kind == JINJA_LIST && value.list->type == JINJA_LIST_TUPLE) {
		for (size_t i = 0; i < value.list->n; i++) {
			if (value.list->items[i].kind == JINJA_LIST ||
			    value.list->items[i].kind == JINJA_DICT)
				return false;
		}
		return true;
	}
	return value.kind != JINJA_LIST && value.kind != JINJA_DICT;
}

void jinja_put(struct jinja_state *state, struct jinja_dict *dict, struct jinja_value key,
	       struct jinja_value value)
{
	struct jinja_value *found;

	if (jinja_failed(state) || !dict)
		return;
	if (!can_be_key(key)) {
		(void)jinja_fail_kind(state, "a key", key);
		return;
	}
	found = jinja_dict_at(state, dict, key);
	if (found)
		*found = value;
	else if (jinja_dict_add(state->arena, dict, key, value) < 0)
		(void)jinja_fail_memory(state);
}
