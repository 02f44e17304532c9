// SPDX-License-Identifier: MIT
/*
 * Owns the way from a file's tokenizer.* keys to tokenizer_params. Believes the types of the keys
 * only after looking; what the values mean is for the tokenizer to judge.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"
#include "vocabulary.h"

#define KEY(name) "tokenizer.ggml." name

enum { CHAT_TEMPLATE_KEY_MAX = 128 };

/* What is made on demand, in a vocabulary that is otherwise immutable. */
struct late {
	pthread_mutex_t lock;
	struct token_trie *trie;
};

struct vocabulary {
	const struct gguf *gguf;
	struct tokenizer *tokenizer;
	struct span *tokens; /* [n_tokens] */
	struct span *merges; /* [n_merges] */
	struct late *late;
};

DEFINE_CLEANUP(struct vocabulary, vocabulary_destroy)

struct reader {
	const struct gguf *gguf;
	const struct log *log;
	struct vocabulary *vocabulary;
	struct tokenizer_params params;
	float *scores; /* made from whole numbers, where the file has those */
};

static const struct {
	const char *key;
	enum token_role role;
} role_keys[] = {
	{KEY("bos_token_id"), TOKEN_BOS},
	{KEY("eos_token_id"), TOKEN_EOS},
	{KEY("eot_token_id"), TOKEN_EOT},
	{KEY("eom_token_id"), TOKEN_EOM},
	{KEY("unknown_token_id"), TOKEN_UNK},
	{KEY("seperator_token_id"), TOKEN_SEP}, /* so it is spelt */
	{KEY("padding_token_id"), TOKEN_PAD},
	{KEY("mask_token_id"), TOKEN_MASK},
	{KEY("prefix_token_id"), TOKEN_FIM_PREFIX}, /* the old names first */
	{KEY("suffix_token_id"), TOKEN_FIM_SUFFIX},
	{KEY("middle_token_id"), TOKEN_FIM_MIDDLE},
	{KEY("fim_pre_token_id"), TOKEN_FIM_PREFIX},
	{KEY("fim_suf_token_id"), TOKEN_FIM_SUFFIX},
	{KEY("fim_mid_token_id"), TOKEN_FIM_MIDDLE},
	{KEY("fim_pad_token_id"), TOKEN_FIM_PAD},
	{KEY("fim_rep_token_id"), TOKEN_FIM_REPOSITORY},
	{KEY("fim_sep_token_id"), TOKEN_FIM_SEPARATOR},
};

/* -ENOENT is no failure: the file does not say. */
static int optional(int r)
{
	return r == -ENOENT ? 0 : r;
}

static int missing(const struct reader *reader, const char *key)
{
	return log_error(reader->log, EBADMSG, "%s has no %s; is it a language model?",
			 gguf_name(reader->gguf), key);
}

static int read_string(const struct reader *reader, const char *key, struct span *ret)
{
	struct gguf_string string;
	int r;

	r = gguf_get_string(reader->gguf, key, reader->log, &string);
	if (r < 0)
		return r;
	if (string.size > UINT32_MAX)
		return log_error(reader->log, EBADMSG, "%s: %s is too long",
				 gguf_name(reader->gguf), key);
	*ret = (struct span){string.data, (uint32_t)string.size};
	return 0;
}

static int read_flag(const struct reader *reader, const char *key, enum tokenizer_flag *ret)
{
	bool value;
	int r;

	r = gguf_get_bool(reader->gguf, key, reader->log, &value);
	if (r < 0)
		return optional(r);
	*ret = value ? FLAG_YES : FLAG_NO;
	return 0;
}

static int read_texts(const struct reader *reader, const char *key, struct span **ret_texts,
		      uint64_t *ret_n)
{
	_cleanup_free_ struct span *texts = NULL;
	const struct gguf_value *value;
	struct cursor cursor;
	int r;

	r = gguf_get_array(reader->gguf, key, GGUF_STRING, reader->log, &value);
	if (r < 0)
		return r;
	texts = calloc(MAX(value->n_items, 1), sizeof(*texts));
	if (!texts)
		return log_oom(reader->log, "reading the vocabulary");
	cursor = gguf_strings(value);
	for (uint64_t i = 0; i < value->n_items; i++) {
		struct gguf_string string = gguf_next_string(&cursor);

		if (string.size > UINT32_MAX)
			return log_error(reader->log, EBADMSG, "%s: %s has a text that is too long",
					 gguf_name(reader->gguf), key);
		texts[i] = (struct span){string.data, (uint32_t)string.size};
	}
	*ret_texts = TAKE(texts);
	*ret_n = value->n_items;
	return 0;
}

/* An array with a number for every token; NULL without one. */
static int read_numbers(const struct reader *reader, const char *key,
			const struct gguf_value **ret_value)
{
	const struct gguf_value *value = gguf_find(reader->gguf, key);

	if (value && value->type != GGUF_ARRAY)
		return log_error(reader->log, EBADMSG, "%s: %s should be an array",
				 gguf_name(reader->gguf), key);
	if (value && value->n_items < reader->params.n_tokens)
		return log_error(reader->log, EBADMSG,
				 "%s: %s has %" PRIu64 " entries for %" PRIu64 " tokens",
				 gguf_name(reader->gguf), key, value->n_items,
				 reader->params.n_tokens);
	*ret_value = value;
	return 0;
}

static int convert_scores(struct reader *reader, const struct gguf_value *value)
{
	reader->scores = calloc(MAX(value->n_items, 1), sizeof(*reader->scores));
	if (!reader->scores)
		return log_oom(reader->log, "reading the vocabulary");
	for (uint64_t i = 0; i < value->n_items; i++)
		reader->scores[i] = (float)gguf_number(value, i);
	reader->params.scores = reader->scores;
	return 0;
}

static int read_scores(struct reader *reader)
{
	const struct gguf_value *value;
	int r;

	r = read_numbers(reader, KEY("scores"), &value);
	if (r < 0 || !value)
		return r;
	if (value->item_type == GGUF_I32)
		return convert_scores(reader, value);
	if (value->item_type != GGUF_F32)
		return log_error(reader->log, EBADMSG, "%s: %s should be an array of f32",
				 gguf_name(reader->gguf), KEY("scores"));
	reader->params.scores = value->data;
	return 0;
}

static int read_types(struct reader *reader)
{
	const struct gguf_value *value;
	int r;

	r = read_numbers(reader, KEY("token_type"), &value);
	if (r < 0 || !value)
		return r;
	if (value->item_type != GGUF_I32 && value->item_type != GGUF_U32)
		return log_error(reader->log, EBADMSG, "%s: %s should be an array of i32",
				 gguf_name(reader->gguf), KEY("token_type"));
	reader->params.types = value->data;
	return 0;
}

static int read_roles(struct reader *reader)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(role_keys) && r == 0; i++) {
		uint32_t id;

		r = gguf_get_u32(reader->gguf, role_keys[i].key, reader->log, &id);
		if (r == 0)
			reader->params.roles[role_keys[i].role] = id;
		r = optional(r);
	}
	return r;
}

static int read_flags(struct reader *reader)
{
	struct tokenizer_params *params = &reader->params;
	int r;

	r = read_flag(reader, KEY("add_bos_token"), &params->add_bos);
	if (r == 0)
		r = read_flag(reader, KEY("add_eos_token"), &params->add_eos);
	if (r == 0)
		r = read_flag(reader, KEY("add_space_prefix"), &params->add_space_prefix);
	if (r == 0)
		r = read_flag(reader, KEY("normalizer.lowercase"), &params->lower_case);
	if (r == 0)
		r = read_flag(reader, KEY("normalizer.strip_accents"), &params->strip_accents);
	return r;
}

static int read_tokens(struct reader *reader)
{
	struct vocabulary *vocabulary = reader->vocabulary;
	struct tokenizer_params *params = &reader->params;
	int r;

	r = read_texts(reader, KEY("tokens"), &vocabulary->tokens, &params->n_tokens);
	if (r < 0)
		return r == -ENOENT ? missing(reader, KEY("tokens")) : r;
	r = read_texts(reader, KEY("merges"), &vocabulary->merges, &params->n_merges);
	if (r < 0 && r != -ENOENT)
		return r;
	params->tokens = vocabulary->tokens;
	params->merges = vocabulary->merges;
	r = read_scores(reader);
	return r < 0 ? r : read_types(reader);
}

static int read_names(struct reader *reader)
{
	struct tokenizer_params *params = &reader->params;
	int r;

	r = read_string(reader, KEY("model"), &params->model);
	if (r < 0)
		return r == -ENOENT ? missing(reader, KEY("model")) : r;
	r = optional(read_string(reader, KEY("pre"), &params->pre));
	if (r < 0)
		return r;
	return optional(read_string(reader, "general.name", &params->model_name));
}

static int read_vocabulary(struct reader *reader)
{
	int r;

	r = read_names(reader);
	if (r == 0)
		r = read_roles(reader);
	if (r == 0)
		r = read_flags(reader);
	if (r == 0)
		r = read_tokens(reader);
	if (r == 0)
		r = tokenizer_create(&reader->params, reader->log, &reader->vocabulary->tokenizer);
	return r;
}

int vocabulary_create(const struct gguf *gguf, const struct log *log,
		      struct vocabulary **ret_vocabulary)
{
	_cleanup_(vocabulary_destroy_p) struct vocabulary *vocabulary =
		calloc(1, sizeof(*vocabulary));
	struct reader reader = {.gguf = gguf, .log = log, .vocabulary = vocabulary};
	int r;

	if (!vocabulary)
		return log_oom(log, "reading the vocabulary");
	vocabulary->late = calloc(1, sizeof(*vocabulary->late));
	if (!vocabulary->late)
		return log_oom(log, "reading the vocabulary");
	(void)pthread_mutex_init(&vocabulary->late->lock, NULL);
	vocabulary->gguf = gguf;
	tokenizer_params_init(&reader.params);
	reader.params.source = gguf_name(gguf);
	r = read_vocabulary(&reader);
	free(reader.scores);
	if (r < 0)
		return r;
	*ret_vocabulary = TAKE(vocabulary);
	return 0;
}

static void late_destroy(struct late *late)
{
	if (!late)
		return;
	token_trie_destroy(late->trie);
	(void)pthread_mutex_destroy(&late->lock);
	free(late);
}

void vocabulary_destroy(struct vocabulary *vocabulary)
{
	if (!vocabulary)
		return;
	late_destroy(vocabulary->late);
	tokenizer_destroy(vocabulary->tokenizer);
	free(vocabulary->tokens);
	free(vocabulary->merges);
	free(vocabulary);
}

const struct tokenizer *vocabulary_tokenizer(const struct vocabulary *vocabulary)
{
	return vocabulary->tokenizer;
}

int vocabulary_token_trie(const struct vocabulary *vocabulary, const struct token_trie **ret_trie)
{
	struct late *late = vocabulary->late;
	int r = 0;

	(void)pthread_mutex_lock(&late->lock);
	if (!late->trie)
		r = token_trie_create(vocabulary->tokenizer, &late->trie);
	*ret_trie = late->trie;
	(void)pthread_mutex_unlock(&late->lock);
	return r;
}

struct span vocabulary_chat_template(const struct vocabulary *vocabulary, const char *name)
{
	char key[CHAT_TEMPLATE_KEY_MAX];
	struct gguf_string string;
	int size = snprintf(key, sizeof(key), "tokenizer.chat_template%s%s", name ? "." : "",
			    name ? name : "");

	if (size < 0 || (size_t)size >= sizeof(key) ||
	    gguf_get_string(vocabulary->gguf, key, NULL, &string) < 0 || string.size > UINT32_MAX)
		return SPAN("");
	return (struct span){string.data, (uint32_t)string.size};
}

struct span vocabulary_role_text(const struct vocabulary *vocabulary, enum token_role role)
{
	return tokenizer_text(vocabulary->tokenizer, tokenizer_role(vocabulary->tokenizer, role));
}
