// SPDX-License-Identifier: MIT
/* Owns the vocabularies of made_vocabulary.h. Refuses nothing: the tests know how much fits. */
#include <stdio.h>
#include <stdlib.h>

#include "made_vocabulary.h"
#include "utf8.h"

int32_t made_add_scored(struct made *made, const char *text, enum token_type type, float score)
{
	uint64_t id = made->params.n_tokens++;

	made->tokens[id] = (struct span){text, (uint32_t)strlen(text)};
	made->types[id] = (int32_t)type;
	made->scores[id] = score;
	return (int32_t)id;
}

int32_t made_add(struct made *made, const char *text, enum token_type type)
{
	return made_add_scored(made, text, type, 0);
}

int32_t made_add_merge(struct made *made, const char *merge, const char *token)
{
	made->merges[made->params.n_merges++] = (struct span){merge, (uint32_t)strlen(merge)};
	return made_add(made, token, TOKEN_TYPE_NORMAL);
}

struct made *made_begin(const char *model)
{
	struct made *made = calloc(1, sizeof(*made));

	tokenizer_params_init(&made->params);
	made->params.model = (struct span){model, (uint32_t)strlen(model)};
	made->params.tokens = made->tokens;
	made->params.types = made->types;
	made->params.scores = made->scores;
	return made;
}

struct made *made_bpe(const char *pre)
{
	struct made *made = made_begin("gpt2");
	uint32_t next = 0x100;

	made->params.pre = (struct span){pre, (uint32_t)strlen(pre)};
	made->params.merges = made->merges;
	for (uint32_t byte = 0; byte < 256; byte++) {
		bool visible = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);

		made->texts[byte][utf8_encode(visible ? byte : next++, made->texts[byte])] = '\0';
		(void)made_add(made, made->texts[byte], TOKEN_TYPE_NORMAL);
	}
	return made;
}

struct made *made_spm(void)
{
	struct made *made = made_begin("llama");

	(void)made_add(made, "<unk>", TOKEN_TYPE_UNKNOWN);
	(void)made_add(made, "<s>", TOKEN_TYPE_CONTROL);
	(void)made_add(made, "</s>", TOKEN_TYPE_CONTROL);
	for (unsigned byte = 0; byte < 256; byte++) {
		(void)snprintf(made->texts[byte], sizeof(made->texts[byte]), "<0x%02X>", byte);
		(void)made_add(made, made->texts[byte], TOKEN_TYPE_BYTE);
	}
	return made;
}

struct tokenizer *made_tokenizer(struct made *made)
{
	struct tokenizer *tokenizer = NULL;
	struct kept_log kept;

	kept_log_init(&kept);
	if (tokenizer_create(&made->params, &kept.log, &tokenizer) < 0)
		fail_msg("%s", kept.text);
	return tokenizer;
}

void made_refuses(struct made *made, int error, const char *sentence)
{
	struct tokenizer *tokenizer = NULL;
	struct kept_log kept;

	kept_log_init(&kept);
	assert_int_equal(tokenizer_create(&made->params, &kept.log, &tokenizer), -error);
	assert_null(tokenizer);
	assert_int_equal(kept.n, 1);
	if (!strstr(kept.text, sentence))
		fail_msg("'%s' does not say '%s'", kept.text, sentence);
}

void made_gives(const struct tokenizer *tokenizer, const char *text, size_t size, int how,
		const int32_t *ids)
{
	struct encode_options options = {.add_special = how & ADD, .parse_special = how & SPECIAL};
	struct token_list list = {0};
	size_t n = 0;

	assert_int_equal(tokenizer_encode(tokenizer, text, size, &options, &list), 0);
	while (ids[n] != TOKEN_NONE)
		n++;
	if (list.n != n || (n > 0 && memcmp(list.ids, ids, n * sizeof(*ids)) != 0)) {
		for (size_t i = 0; i < list.n; i++)
			print_message("%d ", list.ids[i]);
		fail_msg("are the tokens of '%s'", text);
	}
	token_list_finish(&list);
}
