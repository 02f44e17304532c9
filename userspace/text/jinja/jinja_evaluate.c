// SPDX-License-Identifier: MIT
/* Owns the walk over expressions. */
#include <string.h>

#include "jinja_state.h"

static struct jinja_value nothing(void)
{
	return jinja_undefined();
}

/* ---- arguments ---- */

static void spread_list(struct jinja_state *state, const struct jinja_node *node,
			struct jinja_list *values)
{
	const struct jinja_list *more;

	if (!node)
		return;
	more = jinja_items(state, jinja_evaluate(state, node));
	for (size_t i = 0; more && i < more->n && !jinja_failed(state); i++)
		jinja_append(state, values, more->items[i]);
}

static void spread_dict(struct jinja_state *state, const struct jinja_node *node,
			struct jinja_dict *named)
{
	struct jinja_value more;

	if (!node)
		return;
	more = jinja_evaluate(state, node);
	if (more.kind != JINJA_DICT) {
		(void)jinja_fail_kind(state, "'**'", more);
		return;
	}
	for (size_t i = 0; i < more.dict->n && !jinja_failed(state); i++) {
		if (more.dict->pairs[i].key.kind != JINJA_STRING)
			(void)jinja_fail_kind(state, "the name of an argument",
					      more.dict->pairs[i].key);
		else
			jinja_put(state, named, more.dict->pairs[i].key, more.dict->pairs[i].value);
	}
}

void jinja_evaluate_arguments(struct jinja_state *state, const struct jinja_argument_nodes *nodes,
			      struct jinja_arguments *ret_arguments)
{
	struct jinja_list *values = jinja_new_list(state, JINJA_LIST_PLAIN);
	struct jinja_dict *named = NULL;

	*ret_arguments = (struct jinja_arguments){0};
	for (uint32_t i = 0; i < nodes->n && !jinja_failed(state); i++) {
		struct jinja_value value = jinja_evaluate(state, nodes->values[i]);

		if (!nodes->names[i]) {
			jinja_append(state, values, value);
			continue;
		}
		if (!named)
			named = jinja_new_dict(state);
		jinja_put(state, named, jinja_of_string(nodes->names[i]), value);
	}
	spread_list(state, nodes->list, values);
	if (nodes->dict && !named)
		named = jinja_new_dict(state);
	spread_dict(state, nodes->dict, named);
	if (!jinja_failed(state))
		*ret_arguments = (struct jinja_arguments){values->items, values->n, named};
}

/* ---- the kinds of expressions ---- */

static struct jinja_value evaluate_constant(struct jinja_state *state,
					    const struct jinja_node *node)
{
	(void)state;
	return node->constant;
}

static struct jinja_value evaluate_name(struct jinja_state *state, const struct jinja_node *node)
{
	return jinja_look_up(state, node->symbol);
}

static struct jinja_value evaluate_list(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_list *list = jinja_new_list(
		state, node->kind == NODE_TUPLE ? JINJA_LIST_TUPLE : JINJA_LIST_PLAIN);

	for (uint32_t i = 0; i < node->n && !jinja_failed(state); i++)
		jinja_append(state, list, jinja_evaluate(state, node->items[i]));
	return list ? jinja_of_list(list) : nothing();
}

static struct jinja_value evaluate_dict(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_dict *dict = jinja_new_dict(state);

	for (uint32_t i = 0; i + 1 < node->n && !jinja_failed(state); i += 2) {
		struct jinja_value key = jinja_evaluate(state, node->items[i]);

		jinja_put(state, dict, key, jinja_evaluate(state, node->items[i + 1]));
	}
	return dict ? jinja_of_dict(dict) : nothing();
}

static struct jinja_value evaluate_not(struct jinja_state *state, const struct jinja_node *node)
{
	return jinja_bool(!jinja_truth(jinja_evaluate(state, node->items[0])));
}

static struct jinja_value evaluate_unary(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_value value = jinja_evaluate(state, node->items[0]);

	return jinja_failed(state) ? nothing() : jinja_unary(state, node->operation, value);
}

static struct jinja_value evaluate_binary(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_value a = jinja_evaluate(state, node->items[0]);
	struct jinja_value b = jinja_evaluate(state, node->items[1]);

	return jinja_failed(state) ? nothing() : jinja_binary(state, node->operation, a, b);
}

static struct jinja_value evaluate_logic(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_value value = jinja_evaluate(state, node->items[0]);

	if (jinja_truth(value) == (node->kind == NODE_OR) || jinja_failed(state))
		return value;
	return jinja_evaluate(state, node->items[1]);
}

static struct jinja_value evaluate_compare(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_value left = jinja_evaluate(state, node->items[0]);

	for (uint32_t i = 1; i < node->n && !jinja_failed(state); i++) {
		const struct jinja_node *operand = node->items[i];
		struct jinja_value right = jinja_evaluate(state, operand->items[0]);

		if (jinja_failed(state) || !jinja_compare(state, operand->operation, left, right))
			return jinja_bool(false);
		left = right;
	}
	return jinja_bool(true);
}

static struct jinja_value evaluate_concat(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_builder builder;

	struct jinja_value a = jinja_evaluate(state, node->items[0]);
	struct jinja_value b = jinja_evaluate(state, node->items[1]);

	if (jinja_failed(state))
		return nothing();
	builder = jinja_begin_text(state);
	jinja_print(state, &builder, a);
	jinja_print(state, &builder, b);
	return jinja_end_text(state, &builder);
}

static struct jinja_value evaluate_condition(struct jinja_state *state,
					     const struct jinja_node *node)
{
	bool holds = jinja_truth(jinja_evaluate(state, node->items[0]));

	if (jinja_failed(state) || (!holds && !node->items[2]))
		return nothing();
	return jinja_evaluate(state, node->items[holds ? 1 : 2]);
}

static struct jinja_value evaluate_attribute(struct jinja_state *state,
					     const struct jinja_node *node)
{
	struct jinja_value object = jinja_evaluate(state, node->items[0]);

	return jinja_failed(state) ? nothing() : jinja_attribute(state, object, node->name);
}

static struct jinja_value evaluate_item(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_value object = jinja_evaluate(state, node->items[0]);
	struct jinja_value key = jinja_evaluate(state, node->items[1]);

	return jinja_failed(state) ? nothing() : jinja_item(state, object, key);
}

static struct jinja_value evaluate_slice(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_value object = jinja_evaluate(state, node->items[0]);
	struct jinja_value bounds[3];

	for (int i = 0; i < 3; i++)
		bounds[i] = node->items[i + 1] ? jinja_evaluate(state, node->items[i + 1])
					       : jinja_none();
	return jinja_failed(state) ? nothing() : jinja_slice(state, object, bounds);
}

static struct jinja_value evaluate_call(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_value callee = jinja_evaluate(state, node->items[0]);
	struct jinja_arguments arguments;

	jinja_evaluate_arguments(state, &node->arguments, &arguments);
	state->line = node->line;
	return jinja_call(state, callee, &arguments);
}

static struct jinja_value evaluate_builtin(struct jinja_state *state, const struct jinja_node *node)
{
	struct jinja_value self = jinja_evaluate(state, node->items[0]);
	struct jinja_arguments arguments;

	jinja_evaluate_arguments(state, &node->arguments, &arguments);
	state->line = node->line;
	if (jinja_failed(state))
		return nothing();
	return jinja_call_builtin(state, node->builtin, self, &arguments);
}

typedef struct jinja_value evaluate_fn(struct jinja_state *state, const struct jinja_node *node);

struct jinja_value jinja_evaluate(struct jinja_state *state, const struct jinja_node *node)
{
	static evaluate_fn *const evaluators[] = {
		[NODE_CONSTANT] = evaluate_constant,   [NODE_NAME] = evaluate_name,
		[NODE_LIST] = evaluate_list,	       [NODE_TUPLE] = evaluate_list,
		[NODE_DICT] = evaluate_dict,	       [NODE_NOT] = evaluate_not,
		[NODE_UNARY] = evaluate_unary,	       [NODE_BINARY] = evaluate_binary,
		[NODE_AND] = evaluate_logic,	       [NODE_OR] = evaluate_logic,
		[NODE_COMPARE] = evaluate_compare,     [NODE_CONCAT] = evaluate_concat,
		[NODE_CONDITION] = evaluate_condition, [NODE_ATTRIBUTE] = evaluate_attribute,
		[NODE_ITEM] = evaluate_item,	       [NODE_SLICE] = evaluate_slice,
		[NODE_CALL] = evaluate_call,	       [NODE_FILTER] = evaluate_builtin,
		[NODE_TEST] = evaluate_builtin,
	};
	struct jinja_value value;

	if (!jinja_descend(state))
		return nothing();
	state->line = node->line;
	value = evaluators[node->kind](state, node);
	jinja_ascend(state);
	/* What was made after a failure may lack parts. */
	return jinja_failed(state) ? nothing() : value;
}
