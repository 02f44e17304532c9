// SPDX-License-Identifier: MIT
/* Owns the making of prompts. Refuses to let a message's text become a control token of the chat. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chat_template.h"
#include "cleanup.h"
#include "json_text.h"
#include "prompt.h"
#include "tokenizer.h"

struct prompt_maker {
	const struct vocabulary *vocabulary;
	const struct log *log;
	struct chat_template *template; /* NULL: the bare text */
	json_t *variables;		/* what it is given beside messages; NULL: nothing */
	struct tm now; /* the chat's beginning: a date that moves costs the cache */
};

DEFINE_CLEANUP(struct prompt_maker, prompt_maker_destroy)

static int read_template(struct prompt_maker *maker, const char *name)
{
	struct chat_template_params params = {
		.source = vocabulary_chat_template(maker->vocabulary, name),
		.bos = vocabulary_role_text(maker->vocabulary, TOKEN_BOS),
		.eos = vocabulary_role_text(maker->vocabulary, TOKEN_EOS),
	};

	struct chat_template *template;
	int r;

	if (params.source.size == 0)
		return 0;
	r = chat_template_create(&params, maker->log, &template);
	if (r < 0)
		return r;
	chat_template_destroy(maker->template);
	maker->template = template;
	return 0;
}

int prompt_maker_create(const struct vocabulary *vocabulary, bool raw, const struct log *log,
			struct prompt_maker **ret_maker)
{
	_cleanup_(prompt_maker_destroy_p) struct prompt_maker *maker = calloc(1, sizeof(*maker));
	time_t now = time(NULL);
	int r = 0;

	if (!maker)
		return log_oom(log, "preparing prompts");
	maker->vocabulary = vocabulary;
	maker->log = log;
	(void)localtime_r(&now, &maker->now);
	if (!raw)
		r = read_template(maker, NULL);
	if (r < 0)
		return r;
	*ret_maker = TAKE(maker);
	return 0;
}

void prompt_maker_destroy(struct prompt_maker *maker)
{
	if (!maker)
		return;
	chat_template_destroy(maker->template);
	json_decref(maker->variables);
	free(maker);
}

bool prompt_maker_has_template(const struct prompt_maker *maker)
{
	return maker->template;
}

int prompt_maker_set_tools(struct prompt_maker *maker, json_t *tools)
{
	json_t *variables;
	int r;

	if (!maker->template)
		return log_error(maker->log, ENOTSUP,
				 "the model has no chat template, which would tell it of tools");
	r = read_template(maker, "tool_use");
	if (r < 0)
		return r;
	variables = json_pack("{s:O}", "tools", tools);
	if (!variables)
		return log_oom(maker->log, "preparing prompts");
	json_decref(maker->variables);
	maker->variables = variables;
	return 0;
}

/* ---- with a template ---- */

static json_t *message_json(const struct message *message)
{
	return json_pack("{s:o, s:o}", "role", json_text(message->role, strlen(message->role)),
			 "content", json_text(message->content, message->size));
}

static json_t *messages_json(const struct message *messages, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		if (json_array_append_new(array, message_json(&messages[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* BOS before a prompt whose model wants it and whose template has not written it. */
static int begin_with_bos(const struct tokenizer *tokenizer, struct token_list *tokens)
{
	int32_t bos = tokenizer_role(tokenizer, TOKEN_BOS);
	int r;

	if (!tokenizer_adds_bos(tokenizer) || (tokens->n > 0 && tokens->ids[0] == bos))
		return 0;
	r = token_list_add(tokens, bos);
	if (r < 0)
		return r;
	memmove(tokens->ids + 1, tokens->ids, (tokens->n - 1) * sizeof(*tokens->ids));
	tokens->ids[0] = bos;
	return 0;
}

static int encode_rendered(const struct prompt_maker *maker, const struct chat_prompt *prompt,
			   struct token_list *tokens)
{
	const struct tokenizer *tokenizer = vocabulary_tokenizer(maker->vocabulary);
	struct encode_options options = {
		.parse_special = true, .plain = prompt->foreign, .n_plain = prompt->n_foreign};
	int r;

	r = tokenizer_encode(tokenizer, prompt->text, prompt->size, &options, tokens);
	if (r == 0)
		r = begin_with_bos(tokenizer, tokens);
	return r == -ENOMEM ? log_oom(maker->log, "making the prompt") : r;
}

static int encode_chat(const struct prompt_maker *maker, const struct message *messages, size_t n,
		       struct token_list *tokens)
{
	_cleanup_(json_decref_p) json_t *array = messages_json(messages, n);
	struct chat_request request = {
		.messages = array,
		.variables = maker->variables,
		.add_generation_prompt = true,
		.now = &maker->now,
	};
	struct chat_prompt prompt;
	int r;

	if (!array)
		return log_oom(maker->log, "making the prompt");
	r = chat_template_render(maker->template, &request, maker->log, &prompt);
	if (r < 0)
		return r;
	r = encode_rendered(maker, &prompt, tokens);
	chat_prompt_finish(&prompt);
	return r;
}

/* ---- without ---- */

/* The texts one after another; the first begins with BOS where the model wants it. */
static int encode_bare(const struct prompt_maker *maker, const struct message *messages, size_t n,
		       struct token_list *tokens)
{
	const struct tokenizer *tokenizer = vocabulary_tokenizer(maker->vocabulary);
	struct encode_options options = {.add_special = true, .parse_special = true};
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		r = tokenizer_encode(tokenizer, messages[i].content, messages[i].size, &options,
				     tokens);
		options.add_special = false;
	}
	return r;
}

int prompt_maker_encode(const struct prompt_maker *maker, const struct message *messages, size_t n,
			struct token_list *tokens)
{
	int r;

	tokens->n = 0;
	if (maker->template)
		return encode_chat(maker, messages, n, tokens);
	r = encode_bare(maker, messages, n, tokens);
	if (r == -E2BIG)
		return log_error(maker->log, E2BIG, "the prompt is longer than %d MiB",
				 TOKENIZER_TEXT_MAX >> 20);
	if (r == -ENOMEM)
		return log_oom(maker->log, "making the prompt");
	return r;
}
