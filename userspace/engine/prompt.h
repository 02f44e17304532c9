/* SPDX-License-Identifier: MIT */
/* From what was said to the tokens that a model continues: its chat template, or the bare text. */
#ifndef SLM_ENGINE_PROMPT_H
#define SLM_ENGINE_PROMPT_H

#include <jansson.h>
#include <stdbool.h>

#include "token_list.h"
#include "vocabulary.h"

struct prompt_maker;

struct message {
	const char *role;    /* "system", "user", "assistant", "tool" */
	const char *content; /* [size], any bytes */
	size_t size;
};

/*
 * With RAW, or where the model has no chat template, messages are put one after another as they
 * are. VOCABULARY and LOG outlive the result. 0; -EBADMSG or -ENOTSUP (logged) for a template that
 * is not understood; -ENOMEM (logged).
 */
int prompt_maker_create(const struct vocabulary *vocabulary, bool raw, const struct log *log,
			struct prompt_maker **ret_maker);
void prompt_maker_destroy(struct prompt_maker *maker);

bool prompt_maker_has_template(const struct prompt_maker *maker);

/*
 * What the model may call in the prompts that follow: TOOLS is an array as the OpenAI protocol has
 * it, of which MAKER keeps a reference. A model that has a template for this of its own (named
 * tool_use) is given its prompts by that one. -ENOTSUP (logged) where there is no template at all;
 * else as prompt_maker_create().
 */
int prompt_maker_set_tools(struct prompt_maker *maker, json_t *tools);

/* Replaces TOKENS by those of the MESSAGES [N], up to where the answer begins. 0; -EINVAL where the
 * template refuses the messages, -E2BIG for a text that is too long, -ENOMEM; logged. */
int prompt_maker_encode(const struct prompt_maker *maker, const struct message *messages, size_t n,
			struct token_list *tokens);

#endif
