// SPDX-License-Identifier: MIT
/*
 * Owns what a template is given. Only known roles and the texts of tokens are given as its own;
 * everything else that comes from outside is foreign.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "chat_template.h"
#include "cleanup.h"
#include "jinja.h"
#include "jinja_from_json.h"

struct chat_template {
	struct jinja_template *jinja;
	char *bos; /* NUL-terminated */
	char *eos;
};

DEFINE_CLEANUP(struct chat_template, chat_template_destroy)

static char *copy_span(struct span span)
{
	char *copy = malloc(span.size + 1u);

	if (!copy)
		return NULL;
	if (span.size > 0)
		memcpy(copy, span.data, span.size);
	copy[span.size] = '\0';
	return copy;
}

int chat_template_create(const struct chat_template_params *params, const struct log *log,
			 struct chat_template **ret_template)
{
	_cleanup_(chat_template_destroy_p) struct chat_template *template =
		calloc(1, sizeof(*template));
	int r;

	if (!template)
		return log_oom(log, "reading the chat template");
	template->bos = copy_span(params->bos);
	template->eos = copy_span(params->eos);
	if (!template->bos || !template->eos)
		return log_oom(log, "reading the chat template");
	r = jinja_template_create(params->source, log, &template->jinja);
	if (r < 0)
		return r;
	*ret_template = TAKE(template);
	return 0;
}

void chat_template_destroy(struct chat_template *template)
{
	if (!template)
		return;
	jinja_template_destroy(template->jinja);
	free(template->bos);
	free(template->eos);
	free(template);
}

/* ---- what a template is given ---- */

/*
 * Some templates build control tokens around a role ("<|" + role + "|>"), so the ones that chats are
 * made of have to be the template's own; any other text in a role's place stays a message's.
 */
static const char *known_role(struct jinja_value role)
{
	static const char *const roles[] = {"system",	 "user",     "assistant", "tool",
					    "developer", "function", "ipython",	  "model",
					    "context",	 "document"};

	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		if (jinja_is_string(role, roles[i]))
			return roles[i];
	}
	return NULL;
}

static int own_text(struct arena *arena, const char *text, struct jinja_value *ret_value)
{
	const struct jinja_string *string = jinja_string_create(arena, text, strlen(text), false);

	if (!string)
		return -ENOMEM;
	*ret_value = jinja_of_string(string);
	return 0;
}

static int own_roles(struct arena *arena, struct jinja_value messages)
{
	int r = 0;

	if (messages.kind != JINJA_LIST)
		return 0;
	for (size_t i = 0; i < messages.list->n && r == 0; i++) {
		struct jinja_value message = messages.list->items[i], *role = NULL;

		if (message.kind == JINJA_DICT)
			role = jinja_dict_find(message.dict, "role", 4);
		if (role && known_role(*role))
			r = own_text(arena, known_role(*role), role);
	}
	return r;
}

static int set_text(struct arena *arena, struct jinja_dict *variables, const char *name,
		    const char *text)
{
	struct jinja_value value;
	int r = own_text(arena, text, &value);

	return r < 0 ? r : jinja_dict_set(arena, variables, name, value);
}

static int set_others(struct arena *arena, const json_t *others, struct jinja_dict *variables)
{
	struct jinja_value object;
	int r;

	if (!others)
		return 0;
	r = jinja_from_json(arena, others, &object);
	if (r < 0 || object.kind != JINJA_DICT)
		return r;
	for (size_t i = 0; i < object.dict->n && r == 0; i++) {
		const struct jinja_pair *pair = &object.dict->pairs[i];
		struct jinja_value *found =
			jinja_dict_find(variables, pair->key.string->data, pair->key.string->size);

		if (found)
			*found = pair->value;
		else
			r = jinja_dict_add(arena, variables, pair->key, pair->value);
	}
	return r;
}

static int fill(const struct chat_template *template, const struct chat_request *request,
		struct arena *arena, struct jinja_dict *variables)
{
	struct jinja_value messages;
	int r;

	r = jinja_from_json(arena, request->messages, &messages);
	if (r == 0)
		r = own_roles(arena, messages);
	if (r == 0)
		r = jinja_dict_set(arena, variables, "messages", messages);
	if (r == 0)
		r = jinja_dict_set(arena, variables, "tools", jinja_none());
	if (r == 0)
		r = jinja_dict_set(arena, variables, "documents", jinja_none());
	if (r == 0)
		r = jinja_dict_set(arena, variables, "add_generation_prompt",
				   jinja_bool(request->add_generation_prompt));
	if (r == 0 && *template->bos)
		r = set_text(arena, variables, "bos_token", template->bos);
	if (r == 0 && *template->eos)
		r = set_text(arena, variables, "eos_token", template->eos);
	return r < 0 ? r : set_others(arena, request->variables, variables);
}

/* ---- what comes of it ---- */

/* Where the run of bytes of one kind that begins at AT ends. */
static size_t run_end(const struct jinja_string *text, size_t at)
{
	const uint8_t *change;

	if (!text->marks)
		return text->size;
	change = memchr(text->marks + at, !text->marks[at], text->size - at);
	return change ? (size_t)(change - text->marks) : text->size;
}

static int add_range(struct chat_prompt *prompt, size_t *capacity, size_t begin, size_t end)
{
	int r = array_reserve(&prompt->foreign, capacity, prompt->n_foreign + 1,
			      sizeof(*prompt->foreign));

	if (r == 0)
		prompt->foreign[prompt->n_foreign++] =
			(struct text_range){(uint32_t)begin, (uint32_t)end};
	return r;
}

static int prompt_init(struct chat_prompt *prompt, const struct jinja_string *text)
{
	size_t capacity = 0;
	int r = 0;

	*prompt = (struct chat_prompt){.size = (uint32_t)text->size};
	prompt->text = copy_span((struct span){text->data, (uint32_t)text->size});
	if (!prompt->text)
		return -ENOMEM;
	for (size_t at = 0; at < text->size && r == 0;) {
		size_t end = run_end(text, at);

		if (jinja_string_mark(text, at))
			r = add_range(prompt, &capacity, at, end);
		at = end;
	}
	return r;
}

void chat_prompt_finish(struct chat_prompt *prompt)
{
	free(prompt->text);
	free(prompt->foreign);
	*prompt = (struct chat_prompt){0};
}

static int render(const struct chat_template *template, const struct chat_request *request,
		  struct arena *arena, const struct log *log, struct chat_prompt *prompt)
{
	struct jinja_render_params params = {.now = request->now};
	struct jinja_dict *variables = jinja_dict_create(arena, 16);
	const struct jinja_string *text;
	int r = variables ? fill(template, request, arena, variables) : -ENOMEM;

	if (r == -E2BIG)
		return log_error(log, E2BIG, "the messages are nested more than %d deep",
				 JINJA_JSON_DEPTH_MAX);
	if (r == -ENOMEM && arena->exceeded)
		return log_error(log, E2BIG, "the messages take more than %d MiB of memory",
				 JINJA_MEMORY_MAX >> 20);
	if (r < 0)
		return log_oom(log, "filling in the chat template");
	params.variables = variables;
	r = jinja_render(template->jinja, &params, arena, log, &text);
	if (r < 0)
		return r;
	return prompt_init(prompt, text) < 0 ? log_oom(log, "filling in the chat template") : 0;
}

int chat_template_render(const struct chat_template *template, const struct chat_request *request,
			 const struct log *log, struct chat_prompt *ret_prompt)
{
	struct chat_prompt prompt = {0};
	struct arena arena;
	int r;

	arena_init(&arena, JINJA_MEMORY_MAX);
	r = render(template, request, &arena, log, &prompt);
	arena_finish(&arena);
	if (r < 0)
		chat_prompt_finish(&prompt);
	else
		*ret_prompt = prompt;
	return r;
}
