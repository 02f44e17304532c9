/* SPDX-License-Identifier: MIT */
/*
 * Text to token ids and back, for the kinds of tokenizers that small models use: byte-level
 * BPE ("gpt2"), SPM ("llama") and WordPiece ("bert"). Ids are the same as llama.cpp's for the same file and text.
 *
 * A tokenizer is immutable: any number of threads may use one.
 */
#ifndef SLM_TEXT_TOKENIZER_H
#define SLM_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "span.h"
#include "token_list.h"
#include "tokenizer_params.h"

enum {
	TOKENIZER_TEXT_MAX = 64 << 20, /* bytes of one text */
};

struct tokenizer;

/*
 * PARAMS need live only during the call, save for the arrays they point to as stated there.
 * 0; -ENOTSUP for a kind of tokenizer or pre-tokenizer that is not known here; -EBADMSG for a
 * vocabulary that makes no sense; -ENOMEM. Each failure is logged.
 */
int tokenizer_create(const struct tokenizer_params *params, const struct log *log,
		     struct tokenizer **ret_tokenizer);
void tokenizer_destroy(struct tokenizer *tokenizer);

struct encode_options {
	bool add_special;   /* BOS before and EOS (SEP) after, where the model wants them */
	bool parse_special; /* control tokens written out in the text are meant */
	/*
	 * But not those that share a byte with one of these ranges, which are in the text's order.
	 * Where there are any, merging does not arrive at control tokens either.
	 */
	const struct text_range *plain; /* [n_plain] */
	size_t n_plain;
};

/*
 * Appends the tokens of TEXT, any bytes, to LIST; time and memory grow as n log n. Without
 * parse_special control tokens are not looked for in it; merging may still arrive at one where the
 * vocabulary has its parts, as in llama.cpp, so a caller that must rule them out asks
 * tokenizer_is_control(). 0; -E2BIG past TOKENIZER_TEXT_MAX; -ENOMEM; neither is logged, and LIST
 * is as it was.
 */
int tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t size_bytes,
		     const struct encode_options *options, struct token_list *list);

/*
 * Writes the bytes that token ID stands for, which may be part of a character only, and gives
 * their number, at most tokenizer_piece_max(). Control and unknown tokens are nothing unless
 * SHOW_CONTROL; an id out of range is nothing.
 */
size_t tokenizer_piece(const struct tokenizer *tokenizer, int32_t id, bool show_control, char *out);
size_t tokenizer_piece_max(const struct tokenizer *tokenizer);

uint32_t tokenizer_n_tokens(const struct tokenizer *tokenizer);
/* The token's text as it stands in the file; none for an id out of range. */
struct span tokenizer_text(const struct tokenizer *tokenizer, int32_t id);
/* The token whose text in the file this is, or -ENOENT. */
int32_t tokenizer_find(const struct tokenizer *tokenizer, const char *text, size_t size_bytes);

/* The token of ROLE, or TOKEN_NONE. */
int32_t tokenizer_role(const struct tokenizer *tokenizer, enum token_role role);
/* Whether an answer ends with this token. */
bool tokenizer_is_end(const struct tokenizer *tokenizer, int32_t id);
/* Whether it is a control token, which structures a prompt and is no text. */
bool tokenizer_is_control(const struct tokenizer *tokenizer, int32_t id);
/* Whether add_special adds these. */
bool tokenizer_adds_bos(const struct tokenizer *tokenizer);
bool tokenizer_adds_eos(const struct tokenizer *tokenizer);
/* Whether the first token of a text begins with a blank that is not the text's. */
bool tokenizer_adds_blank(const struct tokenizer *tokenizer);

#endif
