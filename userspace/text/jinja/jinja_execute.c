// SPDX-License-Identifier: MIT
/*
 * Owns the walk over statements. Loops, macros and captured blocks have scopes of their own, so that
 * what is set inside them is gone after; conditions have none.
 */
#include "jinja_state.h"

/* ---- assignment ---- */

static void assign_items(struct jinja_state *state, const struct jinja_node *target,
			 struct jinja_value value)
{
	const struct jinja_list *items = jinja_items(state, value);

	if (!items)
		return;
	if (items->n != target->n) {
		(void)jinja_fail(state, "%zu values are unpacked into %u names", items->n,
				 target->n);
		return;
	}
	for (uint32_t i = 0; i < target->n && !jinja_failed(state); i++)
		jinja_assign(state, target->items[i], items->items[i]);
}

static void assign_member(struct jinja_state *state, const struct jinja_node *target,
			  struct jinja_value value)
{
	struct jinja_value object = jinja_look_up(state, target->symbol);

	if (object.kind != JINJA_NAMESPACE)
		(void)jinja_fail(state, "only a namespace has members that can be set, not %s",
				 jinja_kind_name(object));
	else
		jinja_put(state, object.dict, jinja_of_string(target->name), value);
}

void jinja_assign(struct jinja_state *state, const struct jinja_node *target,
		  struct jinja_value value)
{
	if (!jinja_descend(state))
		return;
	if (target->kind == NODE_NAME)
		jinja_bind(state, state->scope, target->symbol, value);
	else if (target->kind == NODE_TUPLE)
		assign_items(state, target, value);
	else
		assign_member(state, target, value);
	jinja_ascend(state);
}

/* ---- scopes ---- */

static enum jinja_flow execute_inside(struct jinja_state *state, const struct jinja_node *body)
{
	struct jinja_scope *outer = state->scope;
	enum jinja_flow flow = JINJA_FLOW_ON;

	state->scope = jinja_scope_create(state, outer);
	if (state->scope)
		flow = jinja_execute(state, body);
	state->scope = outer;
	return flow;
}

struct jinja_value jinja_capture(struct jinja_state *state, const struct jinja_node *body,
				 enum jinja_flow *ret_flow)
{
	struct jinja_builder builder = jinja_begin_text(state), *outer = state->out;

	state->out = &builder;
	*ret_flow = execute_inside(state, body);
	state->out = outer;
	return jinja_end_text(state, &builder);
}

/* ---- loops ---- */

/* Scope, target and, where there is one, the filter of an iteration: whether it takes place. */
static bool begin_iteration(struct jinja_state *state, const struct jinja_node *node,
			    struct jinja_scope *outer, struct jinja_value item, bool filters)
{
	bool holds = true;

	state->scope = jinja_scope_create(state, outer);
	if (!state->scope)
		return false;
	jinja_assign(state, node->items[0], item);
	if (filters)
		holds = jinja_truth(jinja_evaluate(state, node->items[3]));
	return holds && !jinja_failed(state);
}

static const struct jinja_list *filter_items(struct jinja_state *state,
					     const struct jinja_node *node,
					     const struct jinja_list *items)
{
	struct jinja_list *kept = jinja_new_list(state, JINJA_LIST_PLAIN);
	struct jinja_scope *outer = state->scope;

	for (size_t i = 0; i < items->n && !jinja_failed(state); i++) {
		if (begin_iteration(state, node, outer, items->items[i], true))
			jinja_append(state, kept, items->items[i]);
	}
	state->scope = outer;
	return kept;
}

static enum jinja_flow iterate(struct jinja_state *state, const struct jinja_node *node,
			       const struct jinja_list *items)
{
	struct jinja_scope *outer = state->scope;
	enum jinja_flow flow = JINJA_FLOW_ON;
	struct jinja_loop *loop = arena_alloc(state->arena, sizeof(*loop));

	if (!loop) {
		(void)jinja_fail_memory(state);
		return flow;
	}
	*loop = (struct jinja_loop){.items = items, .changed = {.kind = JINJA_MISSING}};
	for (; loop->index < items->n && flow != JINJA_FLOW_BREAK && !jinja_failed(state);
	     loop->index++) {
		if (!begin_iteration(state, node, outer, items->items[loop->index], false))
			break;
		jinja_bind(state, state->scope, SYMBOL_LOOP,
			   (struct jinja_value){.kind = JINJA_LOOP, .loop = loop});
		flow = jinja_execute(state, node->items[2]);
	}
	state->scope = outer;
	return JINJA_FLOW_ON;
}

static enum jinja_flow execute_for(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_value sequence = jinja_evaluate(state, node->items[1]);
	const struct jinja_list *items;

	if (jinja_failed(state))
		return JINJA_FLOW_ON;
	items = jinja_items(state, sequence);
	if (items && node->items[3])
		items = filter_items(state, node, items);
	if (jinja_failed(state))
		return JINJA_FLOW_ON;
	if (items->n == 0 && node->items[4])
		return execute_inside(state, node->items[4]);
	return iterate(state, node, items);
}

/* ---- the other statements ---- */

static enum jinja_flow execute_body(struct jinja_state *state, const struct jinja_node *node)
{
	enum jinja_flow flow = JINJA_FLOW_ON;

	for (uint32_t i = 0; i < node->n && flow == JINJA_FLOW_ON && !jinja_failed(state); i++)
		flow = jinja_execute(state, node->items[i]);
	return flow;
}

static enum jinja_flow execute_text(struct jinja_state *state, const struct jinja_node *node)
{
	jinja_builder_string(state->out, node->constant.string);
	return JINJA_FLOW_ON;
}

static enum jinja_flow execute_output(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_value value = jinja_evaluate(state, node->items[0]);

	if (jinja_failed(state))
		return JINJA_FLOW_ON;
	jinja_print(state, state->out, value);
	(void)jinja_charge(state, value.kind == JINJA_STRING ? value.string->size : 0);
	return JINJA_FLOW_ON;
}

static enum jinja_flow execute_if(struct jinja_state *state, const struct jinja_node *node)
{
	uint32_t i = 0;

	for (; i + 1 < node->n; i += 2) {
		bool holds = jinja_truth(jinja_evaluate(state, node->items[i]));

		if (jinja_failed(state))
			return JINJA_FLOW_ON;
		if (holds)
			return jinja_execute(state, node->items[i + 1]);
	}
	return i < node->n ? jinja_execute(state, node->items[i]) : JINJA_FLOW_ON;
}

static enum jinja_flow execute_set(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_value value = jinja_evaluate(state, node->items[1]);

	if (!jinja_failed(state))
		jinja_assign(state, node->items[0], value);
	return JINJA_FLOW_ON;
}

/* VALUE through the filters of a block, whose innermost has no operand. */
static struct jinja_value apply_filters(struct jinja_state *state, const struct jinja_node *filter,
					struct jinja_value value)
{
	struct jinja_arguments arguments;

	if (!filter || !jinja_descend(state))
		return value;
	value = apply_filters(state, filter->items[0], value);
	jinja_evaluate_arguments(state, &filter->arguments, &arguments);
	if (!jinja_failed(state))
		value = jinja_call_builtin(state, filter->builtin, value, &arguments);
	jinja_ascend(state);
	return value;
}

static enum jinja_flow execute_set_block(struct jinja_state *state, const struct jinja_node *node)
{
	enum jinja_flow flow;
	struct jinja_value value = jinja_capture(state, node->items[2], &flow);

	value = apply_filters(state, node->items[1], value);
	if (!jinja_failed(state) && flow == JINJA_FLOW_ON)
		jinja_assign(state, node->items[0], value);
	return flow;
}

static enum jinja_flow execute_filter_block(struct jinja_state *state,
					    const struct jinja_node *node)
{
	enum jinja_flow flow;
	struct jinja_value value = jinja_capture(state, node->items[1], &flow);

	value = apply_filters(state, node->items[0], value);
	if (!jinja_failed(state) && flow == JINJA_FLOW_ON)
		jinja_print(state, state->out, value);
	return flow;
}

static enum jinja_flow execute_with(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_scope *outer = state->scope;
	struct jinja_scope *inner = jinja_scope_create(state, outer);
	enum jinja_flow flow = JINJA_FLOW_ON;

	for (uint32_t i = 1; i + 1 < node->n && !jinja_failed(state); i += 2) {
		struct jinja_value value = jinja_evaluate(state, node->items[i + 1]);

		state->scope = inner;
		if (!jinja_failed(state))
			jinja_assign(state, node->items[i], value);
		state->scope = outer;
	}
	if (jinja_failed(state))
		return flow;
	state->scope = inner;
	flow = jinja_execute(state, node->items[0]);
	state->scope = outer;
	return flow;
}

static struct jinja_value macro_of(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_callable *callable = arena_alloc(state->arena, sizeof(*callable));

	if (!callable)
		return jinja_fail_memory(state);
	*callable = (struct jinja_callable){.macro = node, .scope = state->scope};
	return (struct jinja_value){.kind = JINJA_CALLABLE, .callable = callable};
}

static enum jinja_flow execute_macro(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_value macro = macro_of(state, node);

	if (!jinja_failed(state))
		jinja_bind(state, state->scope, node->symbol, macro);
	return JINJA_FLOW_ON;
}

static enum jinja_flow execute_call_block(struct jinja_state *state, const struct jinja_node *node)
{
	const struct jinja_node *call = node->items[1];
	struct jinja_value callee = jinja_evaluate(state, call->items[0]), caller, value;
	const struct jinja_string *name;
	struct jinja_arguments arguments;
	struct jinja_dict *named;

	jinja_evaluate_arguments(state, &call->arguments, &arguments);
	caller = macro_of(state, node);
	name = jinja_string_create(state->arena, "caller", 6, false);
	named = jinja_new_dict(state);
	if (!name)
		(void)jinja_fail_memory(state);
	if (jinja_failed(state))
		return JINJA_FLOW_ON;
	for (size_t i = 0; arguments.named && i < arguments.named->n; i++)
		jinja_put(state, named, arguments.named->pairs[i].key,
			  arguments.named->pairs[i].value);
	jinja_put(state, named, jinja_of_string(name), caller);
	arguments.named = named;
	value = jinja_call(state, callee, &arguments);
	if (!jinja_failed(state))
		jinja_print(state, state->out, value);
	return JINJA_FLOW_ON;
}

static enum jinja_flow execute_scope(struct jinja_state *state, const struct jinja_node *node)
{
	return execute_inside(state, node->items[0]);
}

static enum jinja_flow execute_jump(struct jinja_state *state, const struct jinja_node *node)
{
	(void)state;
	return node->kind == NODE_BREAK ? JINJA_FLOW_BREAK : JINJA_FLOW_CONTINUE;
}

typedef enum jinja_flow execute_fn(struct jinja_state *state, const struct jinja_node *node);

enum jinja_flow jinja_execute(struct jinja_state *state, const struct jinja_node *node)
{
	static execute_fn *const executors[] = {
		[NODE_TEXT] = execute_text,
		[NODE_OUTPUT] = execute_output,
		[NODE_IF] = execute_if,
		[NODE_FOR] = execute_for,
		[NODE_SET] = execute_set,
		[NODE_SET_BLOCK] = execute_set_block,
		[NODE_WITH] = execute_with,
		[NODE_MACRO] = execute_macro,
		[NODE_CALL_BLOCK] = execute_call_block,
		[NODE_FILTER_BLOCK] = execute_filter_block,
		[NODE_SCOPE] = execute_scope,
		[NODE_BREAK] = execute_jump,
		[NODE_CONTINUE] = execute_jump,
		[NODE_BODY] = execute_body,
	};
	enum jinja_flow flow;

	if (!jinja_descend(state))
		return JINJA_FLOW_ON;
	state->line = node->line;
	flow = executors[node->kind](state, node);
	if (state->out->failed && !jinja_failed(state))
		(void)jinja_end_text(state, state->out);
	jinja_ascend(state);
	return flow;
}
