// SPDX-License-Identifier: MIT
/*
 * Owns the merge list and the byte alphabet. Merges are found by their text, "left right" as it
 * stands in the file, so that nothing has to be looked up when a model is loaded.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "bpe.h"
#include "cleanup.h"
#include "merger.h"
#include "pretokenizer.h"
#include "utf8.h"

struct bpe {
	struct token_model base;
	struct pretokenizer *pretokenizer;
	struct text_index merges;
	uint32_t longest_merge_bytes;
};

static struct bpe *bpe_of(const struct token_model *model)
{
	return (struct bpe *)model;
}

/* ---- the byte alphabet ---- */

/*
 * Bytes that are visible in Latin-1 stand for themselves, the others, in order, for U+0100
 * onwards: 0x00-0x20, 0x7f-0xa0 and 0xad.
 */
static uint32_t letter_of_byte(uint8_t byte)
{
	if (byte <= 0x20)
		return 0x100u + byte;
	if (byte >= 0x7f && byte <= 0xa0)
		return 0x121u + (byte - 0x7fu);
	return byte == 0xad ? 0x143 : byte;
}

/* The byte that LETTER stands for, or -1. */
static int byte_of_letter(uint32_t letter)
{
	if (letter >= 0x100 && letter <= 0x120)
		return (int)(letter - 0x100);
	if (letter >= 0x121 && letter <= 0x142)
		return (int)(letter - 0x121 + 0x7f);
	if (letter == 0x143)
		return 0xad;
	return letter < 0x100 && letter_of_byte((uint8_t)letter) == letter ? (int)letter : -1;
}

/* What is no letter of the alphabet stands for itself. */
static size_t bpe_decode(struct span text, char *out)
{
	size_t size = 0;

	for (size_t at = 0, length; at < text.size; at += length) {
		uint32_t letter;
		int byte;

		length = utf8_decode(text.data + at, text.size - at, &letter);
		byte = byte_of_letter(letter);
		if (byte >= 0) {
			out[size++] = (char)byte;
		} else {
			memcpy(out + size, text.data + at, length);
			size += length;
		}
	}
	return size;
}

/* ---- creation ---- */

static int index_merges(struct bpe *bpe, const struct tokenizer_params *params,
			const struct log *log)
{
	if (!params->merges)
		return log_error(log, EBADMSG,
				 "%s: the vocabulary has no list of merges (tokenizer.ggml.merges)",
				 params->source);
	if (params->n_merges > TOKENS_MAX)
		return log_error(log, EBADMSG,
				 "%s: the vocabulary has %" PRIu64 " merges; at most %d are read",
				 params->source, params->n_merges, TOKENS_MAX);
	if (text_index_init(&bpe->merges, params->merges, (uint32_t)params->n_merges) < 0)
		return log_oom(log, "reading the vocabulary");
	for (uint32_t i = 0; i < params->n_merges; i++) {
		uint32_t size = params->merges[i].size;

		if (size > 2 * TOKEN_BYTES_MAX) /* of no use: no token is as long */
			continue;
		(void)text_index_add(&bpe->merges, i);
		bpe->longest_merge_bytes = MAX(bpe->longest_merge_bytes, size);
	}
	return 0;
}

static void bpe_destroy(struct token_model *model)
{
	struct bpe *bpe = bpe_of(model);

	if (!bpe)
		return;
	pretokenizer_destroy(bpe->pretokenizer);
	text_index_finish(&bpe->merges);
	free(bpe);
}

DEFINE_CLEANUP(struct token_model, bpe_destroy)

static int bpe_create(const struct tokenizer_params *params, const struct token_table *table,
		      const int32_t roles[static TOKEN_ROLES], const struct log *log,
		      struct token_model **ret_model)
{
	struct bpe *bpe = calloc(1, sizeof(*bpe));
	_cleanup_(bpe_destroy_p) struct token_model *model = (struct token_model *)bpe;
	int r;

	(void)roles;
	if (!bpe)
		return log_oom(log, "reading the vocabulary");
	r = pretokenizer_create(params, log, &bpe->pretokenizer);
	if (r < 0)
		return r;
	r = index_merges(bpe, params, log);
	if (r < 0)
		return r;
	model->ops = &bpe_ops;
	model->table = table;
	model->add_bos = pretokenizer_adds_bos(bpe->pretokenizer);
	*ret_model = TAKE(model);
	return 0;
}

/* ---- encoding ---- */

struct encoding {
	const struct bpe *bpe;
	struct token_list *list;
	struct merger merger;
	char *word; /* in letters */
	size_t word_capacity;
	char *pair; /* [longest_merge_bytes] "left right" */
};

static uint32_t merge_rank(const void *data, const char *text, uint32_t left_bytes,
			   uint32_t right_bytes)
{
	const struct encoding *encoding = data;
	const struct bpe *bpe = encoding->bpe;
	uint64_t size = (uint64_t)left_bytes + 1 + right_bytes;
	int32_t rank;

	if (size > bpe->longest_merge_bytes)
		return RANK_NONE;
	memcpy(encoding->pair, text, left_bytes);
	encoding->pair[left_bytes] = ' ';
	memcpy(encoding->pair + left_bytes + 1, text + left_bytes, right_bytes);
	rank = text_index_find(&bpe->merges, encoding->pair, (uint32_t)size);
	return rank < 0 ? RANK_NONE : (uint32_t)rank;
}

/* Writes WORD in letters and makes each a symbol. */
static int spell(struct encoding *encoding, struct span word, uint32_t *ret_size)
{
	uint32_t size = 0;
	int r;

	r = array_reserve(&encoding->word, &encoding->word_capacity,
			  2 * (size_t)word.size + UTF8_MAX, 1);
	if (r < 0)
		return r;
	merger_start(&encoding->merger, encoding->word);
	for (uint32_t i = 0; i < word.size && r == 0; i++) {
		uint32_t letter = letter_of_byte((uint8_t)word.data[i]);
		uint32_t length = (uint32_t)utf8_encode(letter, encoding->word + size);

		r = merger_add(&encoding->merger, length);
		size += length;
	}
	*ret_size = size;
	return r;
}

static int add_symbol(struct encoding *encoding, const char *text, uint32_t size)
{
	const struct token_table *table = encoding->bpe->base.table;
	int32_t token = token_table_find(table, text, size);
	int r = 0;

	if (token >= 0)
		return token_list_add(encoding->list, token);
	for (uint32_t i = 0; i < size && r == 0; i++) {
		token = token_table_find(table, text + i, 1);
		if (token >= 0)
			r = token_list_add(encoding->list, token);
	}
	return r;
}

static int encode_word(void *data, struct span word)
{
	struct encoding *encoding = data;
	const struct bpe *bpe = encoding->bpe;
	const struct symbol *symbols;
	uint32_t size;
	int r;

	r = spell(encoding, word, &size);
	if (r < 0)
		return r;
	if (pretokenizer_ignores_merges(bpe->pretokenizer) &&
	    token_table_find(bpe->base.table, encoding->word, size) >= 0)
		return add_symbol(encoding, encoding->word, size);
	r = merger_run(&encoding->merger, merge_rank, encoding);
	symbols = encoding->merger.symbols;
	for (uint32_t i = 0; r == 0 && i != SYMBOL_NONE; i = symbols[i].next)
		r = add_symbol(encoding, encoding->word + symbols[i].begin, symbols[i].size);
	return r;
}

static int bpe_encode(const struct token_model *model, struct span text, bool add_prefix,
		      struct token_list *list)
{
	const struct bpe *bpe = bpe_of(model);
	struct encoding encoding = {.bpe = bpe, .list = list};
	int r;

	(void)add_prefix; /* only SPM has one */
	encoding.pair = malloc((size_t)bpe->longest_merge_bytes + 1);
	if (!encoding.pair)
		return -ENOMEM;
	r = pretokenizer_split(bpe->pretokenizer, text, encode_word, &encoding);
	merger_finish(&encoding.merger);
	free(encoding.word);
	free(encoding.pair);
	return r;
}

const struct token_model_ops bpe_ops = {
	.name = "gpt2",
	.create = bpe_create,
	.destroy = bpe_destroy,
	.encode = bpe_encode,
	.decode = bpe_decode,
};
