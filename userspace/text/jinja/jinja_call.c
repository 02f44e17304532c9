// SPDX-License-Identifier: MIT
/* Owns calls: of builtins, whose arguments it binds, and of macros. Refuses arguments too many. */
#include <string.h>

#include "array.h"
#include "jinja_state.h"

const struct jinja_value *jinja_named(const struct jinja_arguments *arguments, const char *name)
{
	if (!arguments->named)
		return NULL;
	return jinja_dict_find(arguments->named, name, strlen(name));
}

/* ---- builtins ---- */

static unsigned count_parameters(const struct jinja_builtin *builtin)
{
	unsigned n = 0;

	while (n < JINJA_PARAMETERS_MAX && builtin->parameters[n])
		n++;
	return n;
}

static void bind_named(struct jinja_state *state, const struct jinja_builtin *builtin,
		       struct jinja_call *call, const struct jinja_dict *named)
{
	for (size_t i = 0; i < named->n && !jinja_failed(state); i++) {
		const struct jinja_string *name = named->pairs[i].key.string;
		unsigned n = count_parameters(builtin), at = 0;

		while (at < n && !jinja_string_is(name, builtin->parameters[at]))
			at++;
		if (at == n || call->arguments[at].kind != JINJA_MISSING)
			(void)jinja_fail(state, "'%s' takes no argument '%.*s' here", builtin->name,
					 (int)MIN(name->size, (size_t)64), name->data);
		else
			call->arguments[at] = named->pairs[i].value;
	}
}

static void bind(struct jinja_state *state, const struct jinja_builtin *builtin,
		 struct jinja_call *call)
{
	const struct jinja_arguments *given = call->given;
	unsigned n = count_parameters(builtin);

	if (given->n > n) {
		(void)jinja_fail(state, "'%s' takes at most %u arguments", builtin->name, n);
		return;
	}
	for (size_t i = 0; i < JINJA_PARAMETERS_MAX; i++) {
		call->arguments[i] = (struct jinja_value){.kind = JINJA_MISSING};
		if (i < given->n)
			call->arguments[i] = given->values[i];
	}
	if (given->named)
		bind_named(state, builtin, call, given->named);
	for (unsigned i = 0; i < builtin->n_required; i++) {
		if (call->arguments[i].kind == JINJA_MISSING)
			(void)jinja_fail(state, "'%s' wants its argument '%s'", builtin->name,
					 builtin->parameters[i]);
	}
}

struct jinja_value jinja_call_builtin(struct jinja_state *state,
				      const struct jinja_builtin *builtin, struct jinja_value self,
				      const struct jinja_arguments *arguments)
{
	struct jinja_call call = {.self = self, .given = arguments};
	struct jinja_value value;

	if (!jinja_descend(state))
		return jinja_undefined();
	if (!builtin->takes_any)
		bind(state, builtin, &call);
	value = jinja_failed(state) ? jinja_undefined() : builtin->call(state, &call);
	jinja_ascend(state);
	return jinja_failed(state) ? jinja_undefined() : value;
}

struct jinja_value jinja_builtin_value(struct jinja_state *state,
				       const struct jinja_builtin *builtin, struct jinja_value self)
{
	struct jinja_callable *callable = arena_alloc(state->arena, sizeof(*callable));

	if (!callable)
		return jinja_fail_memory(state);
	*callable = (struct jinja_callable){.builtin = builtin, .self = self};
	return (struct jinja_value){.kind = JINJA_CALLABLE, .callable = callable};
}

/* ---- macros ---- */

/* What was given beyond a macro's parameters, under its name in the macro. */
static void bind_rest(struct jinja_state *state, const struct jinja_node *macro,
		      struct jinja_scope *scope, const struct jinja_arguments *arguments,
		      struct jinja_dict *rest)
{
	const struct jinja_signature *signature = &macro->signature;
	struct jinja_list *more = jinja_new_list(state, JINJA_LIST_TUPLE);
	const struct jinja_value *caller = jinja_dict_find(rest, "caller", 6);
	struct jinja_value none = jinja_undefined();

	for (size_t i = signature->n; i < arguments->n; i++)
		jinja_append(state, more, arguments->values[i]);
	if (arguments->n > signature->n && !(signature->uses & JINJA_USES_VARARGS))
		(void)jinja_fail(state, "a macro takes at most %u arguments", signature->n);
	if (rest->n > (caller && (signature->uses & JINJA_USES_CALLER)) &&
	    !(signature->uses & JINJA_USES_KWARGS))
		(void)jinja_fail(state, "a macro takes no argument of such a name");
	if (signature->uses & JINJA_USES_VARARGS)
		jinja_bind(state, scope, SYMBOL_VARARGS, jinja_of_list(more));
	if (signature->uses & JINJA_USES_KWARGS)
		jinja_bind(state, scope, SYMBOL_KWARGS, jinja_of_dict(rest));
	if (signature->uses & JINJA_USES_CALLER)
		jinja_bind(state, scope, SYMBOL_CALLER, caller ? *caller : none);
}

/* The named arguments that are no parameters. */
static struct jinja_dict *rest_of(struct jinja_state *state,
				  const struct jinja_signature *signature,
				  const struct jinja_arguments *arguments)
{
	struct jinja_dict *rest = jinja_new_dict(state);
	size_t n = arguments->named ? arguments->named->n : 0;

	(void)jinja_charge(state, 8 * n * signature->n);
	for (size_t i = 0; i < n && !jinja_failed(state); i++) {
		const struct jinja_pair *pair = &arguments->named->pairs[i];
		uint32_t at = 0;

		while (at < signature->n &&
		       !jinja_string_equal(state->tree->symbols[signature->symbols[at]],
					   pair->key.string))
			at++;
		if (at == signature->n)
			jinja_put(state, rest, pair->key, pair->value);
		else if (at < arguments->n)
			(void)jinja_fail(state, "a macro's argument is given twice");
	}
	return rest;
}

static void bind_parameters(struct jinja_state *state, const struct jinja_node *macro,
			    struct jinja_scope *scope, const struct jinja_arguments *arguments)
{
	const struct jinja_signature *signature = &macro->signature;

	for (uint32_t i = 0; i < signature->n && !jinja_failed(state); i++) {
		uint32_t symbol = signature->symbols[i];
		const struct jinja_string *name = state->tree->symbols[symbol];
		struct jinja_value value = {.kind = JINJA_UNDEFINED, .string = name};
		const struct jinja_value *named =
			arguments->named ? jinja_dict_find(arguments->named, name->data, name->size)
					 : NULL;

		if (i < arguments->n)
			value = arguments->values[i];
		else if (named)
			value = *named;
		else if (signature->defaults[i])
			value = jinja_evaluate(state, signature->defaults[i]);
		jinja_bind(state, scope, symbol, value);
	}
}

static struct jinja_value call_macro(struct jinja_state *state,
				     const struct jinja_callable *callable,
				     const struct jinja_arguments *arguments)
{
	const struct jinja_node *macro = callable->macro;
	struct jinja_scope *outer = state->scope;
	struct jinja_scope *scope = jinja_scope_create(state, callable->scope);
	struct jinja_dict *rest = rest_of(state, &macro->signature, arguments);
	struct jinja_value value = jinja_undefined();
	enum jinja_flow flow;

	if (jinja_failed(state))
		return value;
	state->scope = scope;
	bind_parameters(state, macro, scope, arguments);
	bind_rest(state, macro, scope, arguments, rest);
	if (!jinja_failed(state))
		value = jinja_capture(state, macro->items[0], &flow);
	state->scope = outer;
	return value;
}

struct jinja_value jinja_call(struct jinja_state *state, struct jinja_value callee,
			      const struct jinja_arguments *arguments)
{
	struct jinja_value value;

	if (jinja_failed(state))
		return jinja_undefined();
	if (callee.kind != JINJA_CALLABLE)
		return jinja_fail_kind(state, "a call", callee);
	if (callee.callable->builtin)
		return jinja_call_builtin(state, callee.callable->builtin, callee.callable->self,
					  arguments);
	if (!jinja_descend(state))
		return jinja_undefined();
	value = call_macro(state, callee.callable, arguments);
	jinja_ascend(state);
	return value;
}
