// SPDX-License-Identifier: MIT
/*
 * Owns the scores, kept as ranks. Cuts text into characters by their first bytes alone, as
 * llama.cpp does, so that broken UTF-8 comes through byte by byte.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "cleanup.h"
#include "merger.h"
#include "spm.h"

#define BLANK	    "\xe2\x96\x81" /* U+2581 */
#define BLANK_BYTES (sizeof(BLANK) - 1)

struct spm {
	struct token_model base;
	uint32_t *ranks;    /* [n_tokens], lower for a higher score */
	int32_t bytes[256]; /* the token of each byte */
};

static struct spm *spm_of(const struct token_model *model)
{
	return (struct spm *)model;
}

/* U+2581 stands for a blank. */
size_t spm_decode(struct span text, char *out)
{
	size_t size = 0;

	for (size_t at = 0; at < text.size;) {
		if (text.size - at >= BLANK_BYTES &&
		    memcmp(text.data + at, BLANK, BLANK_BYTES) == 0) {
			out[size++] = ' ';
			at += BLANK_BYTES;
		} else {
			out[size++] = text.data[at++];
		}
	}
	return size;
}

/* ---- creation ---- */

/* Floats in descending order are unsigned numbers in ascending order once all bits but the sign
 * of the positive ones are turned. */
static uint32_t rank_of_score(float score)
{
	uint32_t bits;

	score += 0.0f; /* -0 becomes 0 */
	memcpy(&bits, &score, sizeof(bits));
	return bits & 0x80000000u ? bits : ~bits & 0x7fffffffu;
}

static int rank_tokens(struct spm *spm, const struct tokenizer_params *params,
		       const struct log *log)
{
	uint32_t n = spm->base.table->n;

	spm->ranks = malloc(n * sizeof(*spm->ranks));
	if (!spm->ranks)
		return log_oom(log, "reading the vocabulary");
	for (uint32_t i = 0; i < n; i++) {
		float score = 0;

		if (params->scores)
			memcpy(&score, (const uint8_t *)params->scores + i * sizeof(score),
			       sizeof(score));
		if (isnan(score))
			return log_error(log, EBADMSG,
					 "%s: the score of token %" PRIu32 " is not a number",
					 params->source, i);
		spm->ranks[i] = rank_of_score(score);
	}
	return 0;
}

static int find_bytes(struct spm *spm, int32_t unknown, const char *source, const struct log *log)
{
	for (unsigned i = 0; i < ARRAY_SIZE(spm->bytes); i++) {
		spm->bytes[i] = token_table_find_byte(spm->base.table, (uint8_t)i);
		if (spm->bytes[i] < 0)
			spm->bytes[i] = unknown;
		if (spm->bytes[i] < 0)
			return log_error(
				log, EBADMSG,
				"%s: the vocabulary has neither a token for the byte 0x%02x nor one for what is unknown",
				source, i);
	}
	return 0;
}

static void spm_destroy(struct token_model *model)
{
	struct spm *spm = spm_of(model);

	if (!spm)
		return;
	free(spm->ranks);
	free(spm);
}

DEFINE_CLEANUP(struct token_model, spm_destroy)

static int spm_create(const struct tokenizer_params *params, const struct token_table *table,
		      const int32_t roles[static TOKEN_ROLES], const struct log *log,
		      struct token_model **ret_model)
{
	struct spm *spm = calloc(1, sizeof(*spm));
	_cleanup_(spm_destroy_p) struct token_model *model = (struct token_model *)spm;
	int r;

	if (!spm)
		return log_oom(log, "reading the vocabulary");
	*model = (struct token_model){&spm_ops, table, .add_bos = true, .add_space_prefix = true};
	r = rank_tokens(spm, params, log);
	if (r < 0)
		return r;
	r = find_bytes(spm, roles[TOKEN_UNK], params->source, log);
	if (r < 0)
		return r;
	*ret_model = TAKE(model);
	return 0;
}

/* ---- encoding ---- */

static uint32_t merge_rank(const void *data, const char *text, uint32_t left_bytes,
			   uint32_t right_bytes)
{
	const struct spm *spm = data;
	uint64_t size = (uint64_t)left_bytes + right_bytes;
	int32_t token;

	if (size > TOKEN_BYTES_MAX)
		return RANK_NONE;
	token = token_table_find(spm->base.table, text, (uint32_t)size);
	return token < 0 ? RANK_NONE : spm->ranks[token];
}

/* The text with its blanks written as tokens have them. */
static int escape(struct span text, bool add_prefix, struct span *ret_escaped)
{
	size_t size = text.size + (add_prefix ? BLANK_BYTES : 0);
	char *out;

	for (uint32_t i = 0; i < text.size; i++)
		size += text.data[i] == ' ' ? BLANK_BYTES - 1 : 0;
	out = calloc(size + 1, 1);
	if (!out)
		return -ENOMEM;
	*ret_escaped = (struct span){out, (uint32_t)size};
	if (add_prefix)
		out = mempcpy(out, BLANK, BLANK_BYTES);
	for (uint32_t i = 0; i < text.size; i++) {
		if (text.data[i] == ' ')
			out = mempcpy(out, BLANK, BLANK_BYTES);
		else
			*out++ = text.data[i];
	}
	return 0;
}

/* How many bytes a character has by its first one; stray continuation bytes stand alone. */
static uint32_t length_of(char first)
{
	static const uint8_t lengths[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};

	return lengths[(uint8_t)first >> 4];
}

static int add_characters(struct merger *merger, struct span text)
{
	int r = 0;

	merger_start(merger, text.data);
	for (uint32_t at = 0, length; at < text.size && r == 0; at += length) {
		length = MIN(length_of(text.data[at]), text.size - at);
		r = merger_add(merger, length);
	}
	return r;
}

static int add_symbol(const struct spm *spm, const char *text, uint32_t size,
		      struct token_list *list)
{
	int32_t token = token_table_find(spm->base.table, text, size);
	int r = 0;

	if (token >= 0)
		return token_list_add(list, token);
	for (uint32_t i = 0; i < size && r == 0; i++)
		r = token_list_add(list, spm->bytes[(uint8_t)text[i]]);
	return r;
}

static int spm_encode(const struct token_model *model, struct span text, bool add_prefix,
		      struct token_list *list)
{
	const struct spm *spm = spm_of(model);
	struct merger merger = {0};
	struct span escaped;
	int r;

	r = escape(text, add_prefix, &escaped);
	if (r < 0)
		return r;
	r = add_characters(&merger, escaped);
	if (r == 0)
		r = merger_run(&merger, merge_rank, spm);
	for (uint32_t i = 0; r == 0 && i != SYMBOL_NONE; i = merger.symbols[i].next)
		r = add_symbol(spm, escaped.data + merger.symbols[i].begin, merger.symbols[i].size,
			       list);
	merger_finish(&merger);
	free((char *)escaped.data);
	return r;
}

const struct token_model_ops spm_ops = {
	.name = "llama",
	.create = spm_create,
	.destroy = spm_destroy,
	.encode = spm_encode,
	.decode = spm_decode,
};
