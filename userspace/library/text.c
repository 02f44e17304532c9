// SPDX-License-Identifier: MIT
/* Owns text to tokens and back for callers, who bring the memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "detokenizer.h"
#include "library.h"
#include "prompt.h"
#include "token_list.h"

DEFINE_CLEANUP(struct detokenizer, detokenizer_destroy)
DEFINE_CLEANUP(struct prompt_maker, prompt_maker_destroy)

static const struct tokenizer *tokenizer_of(const struct slm_engine *engine)
{
	return vocabulary_tokenizer(engine_vocabulary(engine->engine));
}

static int check_flags(uint32_t flags, uint32_t known, const struct log *log)
{
	return flags & ~known ? log_error(log, EINVAL, "there is no flag %#x for this text",
					  flags & ~known)
			      : 0;
}

static int give_tokens(const struct token_list *list, int32_t *tokens, size_t capacity,
		       size_t *ret_n)
{
	*ret_n = list->n;
	if (list->n > capacity)
		return -ENOSPC;
	if (list->n > 0)
		memcpy(tokens, list->ids, list->n * sizeof(*tokens));
	return 0;
}

int slm_tokenize(const struct slm_engine *engine, const char *text, size_t text_size,
		 uint32_t flags, int32_t *tokens, size_t capacity, size_t *ret_n)
{
	const struct log *log = &engine->log.log;
	const struct encode_options options = {
		.add_special = flags & SLM_TEXT_ADD_SPECIAL,
		.parse_special = flags & SLM_TEXT_PARSE_SPECIAL,
	};
	_cleanup_(token_list_finish) struct token_list list = {0};
	int r = check_flags(flags, SLM_TEXT_ADD_SPECIAL | SLM_TEXT_PARSE_SPECIAL, log);

	if (r < 0)
		return r;
	r = tokenizer_encode(tokenizer_of(engine), text, text_size, &options, &list);
	if (r == -E2BIG)
		return log_error(log, E2BIG, "the text is longer than %d MiB",
				 TOKENIZER_TEXT_MAX >> 20);
	if (r < 0)
		return log_oom(log, "encoding a text");
	return give_tokens(&list, tokens, capacity, ret_n);
}

/* Text that may not fit: what comes after the end is only counted. */
struct bounded_text {
	char *text;
	size_t capacity;
	size_t size;
};

static void append(struct bounded_text *to, struct span text)
{
	size_t room = to->capacity - MIN(to->size, to->capacity);

	if (text.size > 0 && room > 0)
		memcpy(to->text + to->size, text.data, MIN(text.size, room));
	to->size += text.size;
}

int slm_detokenize(const struct slm_engine *engine, const int32_t *tokens, size_t n, uint32_t flags,
		   char *text, size_t capacity, size_t *ret_size)
{
	const struct detokenizer_options options = {
		.show_control = flags & SLM_TEXT_SHOW_SPECIAL,
		.at_start = true,
	};
	_cleanup_(detokenizer_destroy_p) struct detokenizer *detokenizer = NULL;
	struct bounded_text out = {.text = text, .capacity = capacity};
	int r = check_flags(flags, SLM_TEXT_SHOW_SPECIAL, &engine->log.log);

	if (r < 0)
		return r;
	r = detokenizer_create(tokenizer_of(engine), &options, &detokenizer);
	if (r < 0)
		return log_oom(&engine->log.log, "decoding tokens");
	for (size_t i = 0; i < n; i++)
		append(&out, detokenizer_push(detokenizer, tokens[i]));
	append(&out, detokenizer_flush(detokenizer));
	*ret_size = out.size;
	return out.size > capacity ? -ENOSPC : 0;
}

static struct message *copy_messages(const struct slm_message *messages, size_t n)
{
	struct message *copy = calloc(n + 1, sizeof(*copy));

	for (size_t i = 0; copy && i < n; i++) {
		size_t size = messages[i].content_size;

		copy[i] = (struct message){messages[i].role, messages[i].content,
					   size > 0 ? size : strlen(messages[i].content)};
	}
	return copy;
}

int slm_chat_tokens(const struct slm_engine *engine, const struct slm_message *messages,
		    size_t n_messages, int32_t *tokens, size_t capacity, size_t *ret_n)
{
	const struct log *log = &engine->log.log;
	_cleanup_(token_list_finish) struct token_list list = {0};
	_cleanup_(prompt_maker_destroy_p) struct prompt_maker *maker = NULL;
	_cleanup_free_ struct message *copy = copy_messages(messages, n_messages);
	int r;

	if (!copy)
		return log_oom(log, "making a prompt");
	r = prompt_maker_create(engine_vocabulary(engine->engine), false, log, &maker);
	if (r == 0)
		r = prompt_maker_encode(maker, copy, n_messages, &list);
	return r < 0 ? r : give_tokens(&list, tokens, capacity, ret_n);
}
