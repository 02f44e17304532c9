/* SPDX-License-Identifier: MIT */
/*
 * The chat template of a model: from messages, as the OpenAI protocol has them, to the text that
 * the model continues. The text says of each byte whether the template wrote it or a message, so
 * that what is said in a chat never becomes one of its control tokens.
 */
#ifndef SLM_TEXT_CHAT_TEMPLATE_H
#define SLM_TEXT_CHAT_TEMPLATE_H

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

#include "log.h"
#include "span.h"

/* Immutable: any number of threads may use one. */
struct chat_template;

struct chat_template_params {
	struct span source; /* Jinja, as the model's file has it */
	struct span bos;    /* the texts of these tokens, no bytes where there are none */
	struct span eos;
};

/* PARAMS need live only during the call. 0 or what jinja_template_create() gives (logged). */
int chat_template_create(const struct chat_template_params *params, const struct log *log,
			 struct chat_template **ret_template);
void chat_template_destroy(struct chat_template *template);

struct chat_request {
	const json_t *messages; /* [{"role", "content", ...}, ...] */
	/* What else the template may ask for ("tools", "enable_thinking"), an object; NULL: nothing.
	 * "tools" and "documents" are none where it has no others. */
	const json_t *variables;
	bool add_generation_prompt; /* end where the answer begins */
	const struct tm *now;	    /* NULL: a template that asks for the date fails */
};

struct chat_prompt {
	char *text; /* [size], with a NUL after it */
	uint32_t size;
	struct text_range *foreign; /* [n_foreign] what messages said, in the text's order */
	size_t n_foreign;
};

/* 0 or what jinja_render() gives (logged); RET_PROMPT is then to be finished. */
int chat_template_render(const struct chat_template *template, const struct chat_request *request,
			 const struct log *log, struct chat_prompt *ret_prompt);
void chat_prompt_finish(struct chat_prompt *prompt);

#endif
