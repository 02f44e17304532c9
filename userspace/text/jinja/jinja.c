// SPDX-License-Identifier: MIT
/* The front of the interpreter: checks sizes, keeps the tree, and gives a rendering its limits. */
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"
#include "jinja.h"
#include "jinja_parser.h"
#include "jinja_state.h"

enum { TREE_BYTES_PER_BYTE = 256, TREE_BYTES_LEAST = 1 << 20 };

struct jinja_template {
	struct arena arena;
	struct jinja_tree tree;
};

DEFINE_CLEANUP(struct jinja_template, jinja_template_destroy)

int jinja_template_create(struct span source, const struct log *log,
			  struct jinja_template **ret_template)
{
	_cleanup_(jinja_template_destroy_p) struct jinja_template *template = NULL;
	int r;

	if (source.size > JINJA_SOURCE_MAX)
		return log_error(log, ENOTSUP, "the chat template is larger than %d MiB",
				 JINJA_SOURCE_MAX >> 20);
	template = calloc(1, sizeof(*template));
	if (!template)
		return log_oom(log, "reading the chat template");
	arena_init(&template->arena, TREE_BYTES_LEAST + (size_t)source.size * TREE_BYTES_PER_BYTE);
	r = jinja_parse(&template->arena, source, log, &template->tree);
	if (r == -ENOMEM)
		return log_oom(log, "reading the chat template");
	if (r < 0)
		return r;
	*ret_template = TAKE(template);
	return 0;
}

void jinja_template_destroy(struct jinja_template *template)
{
	if (!template)
		return;
	arena_finish(&template->arena);
	free(template);
}

static void bind_variables(struct jinja_state *state, const struct jinja_dict *variables)
{
	for (const struct jinja_builtin *function = jinja_functions; function->name; function++)
		jinja_bind_name(state, state->scope, function->name, strlen(function->name),
				jinja_builtin_value(state, function, jinja_none()));
	for (size_t i = 0; i < variables->n && !jinja_failed(state); i++) {
		const struct jinja_string *name = variables->pairs[i].key.string;

		jinja_bind_name(state, state->scope, name->data, name->size,
				variables->pairs[i].value);
	}
	/* What a template sets is beside what it is given, not instead of it. */
	if (!jinja_failed(state))
		state->scope = jinja_scope_create(state, state->scope);
}

int jinja_render(const struct jinja_template *template, const struct jinja_render_params *params,
		 struct arena *arena, const struct log *log, const struct jinja_string **ret_text)
{
	struct jinja_builder out;
	struct jinja_state state = {
		.tree = &template->tree,
		.arena = arena,
		.log = log,
		.now = params->now,
		.out = &out,
		.steps_left = params->max_steps ? params->max_steps : JINJA_STEPS_MAX,
		.text_limit = params->max_text_bytes ? params->max_text_bytes : JINJA_TEXT_MAX,
		.line = 1,
	};
	struct jinja_value text;

	out = jinja_begin_text(&state);
	state.scope = jinja_scope_create(&state, NULL);
	if (!jinja_failed(&state))
		bind_variables(&state, params->variables);
	if (!jinja_failed(&state))
		(void)jinja_execute(&state, template->tree.body);
	text = jinja_failed(&state) ? jinja_undefined() : jinja_end_text(&state, &out);
	if (jinja_failed(&state))
		return state.error;
	*ret_text = text.string;
	return 0;
}
