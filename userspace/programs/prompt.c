// SPDX-License-Identifier: MIT
/* Owns the making of prompts. Refuses to let a message's text become a control token of the chat. */
#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "prompt.h"
#include "tokenizer.h"

struct prompt_maker {
	const struct vocabulary *vocabulary;
	const struct log *log;
};

DEFINE_CLEANUP(struct prompt_maker, prompt_maker_destroy)

int prompt_maker_create(const struct vocabulary *vocabulary, bool raw, const struct log *log,
			struct prompt_maker **ret_maker)
{
	_cleanup_(prompt_maker_destroy_p) struct prompt_maker *maker = calloc(1, sizeof(*maker));

	(void)raw;
	if (!maker)
		return log_oom(log, "preparing prompts");
	maker->vocabulary = vocabulary;
	maker->log = log;
	*ret_maker = TAKE(maker);
	return 0;
}

void prompt_maker_destroy(struct prompt_maker *maker)
{
	free(maker);
}

bool prompt_maker_has_template(const struct prompt_maker *maker)
{
	return false;
}

/* The texts one after another; the first begins with BOS where the model wants it. */
static int encode_bare(const struct prompt_maker *maker, const struct conversation *conversation,
		       struct token_list *tokens)
{
	const struct tokenizer *tokenizer = vocabulary_tokenizer(maker->vocabulary);
	struct encode_options options = {.add_special = true, .parse_special = true};
	int r = 0;

	for (size_t i = 0; i < conversation->n && r == 0; i++) {
		const struct message *message = &conversation->messages[i];

		r = tokenizer_encode(tokenizer, message->content, message->size, &options, tokens);
		options.add_special = false;
	}
	return r;
}

int prompt_maker_encode(struct prompt_maker *maker, const struct conversation *conversation,
			struct token_list *tokens)
{
	int r;

	tokens->n = 0;
	r = encode_bare(maker, conversation, tokens);
	if (r == -E2BIG)
		return log_error(maker->log, E2BIG, "the prompt is longer than %d MiB",
				 TOKENIZER_TEXT_MAX >> 20);
	if (r == -ENOMEM)
		return log_oom(maker->log, "making the prompt");
	return r;
}
