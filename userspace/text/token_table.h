/* SPDX-License-Identifier: MIT */
/* The tokens of a vocabulary: their texts, what kind each is, and the way from text to number. */
#ifndef SLM_TEXT_TOKEN_TABLE_H
#define SLM_TEXT_TOKEN_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "log.h"
#include "text_index.h"
#include "tokenizer_params.h"

enum {
	TOKENS_MAX = TEXT_INDEX_ITEMS_MAX,
	TOKEN_BYTES_MAX = 65535, /* of one token's text */
};

/* A token that has none of the first five stands for no text at all. */
enum token_attribute {
	TOKEN_IS_NORMAL = 1,
	TOKEN_IS_UNKNOWN = 2,
	TOKEN_IS_CONTROL = 4,
	TOKEN_IS_USER_DEFINED = 8,
	TOKEN_IS_BYTE = 16, /* its text is <0xXX> */
	TOKEN_STRIPS_LEFT = 32,
	TOKEN_STRIPS_RIGHT = 64, /* eats the white space after it */
	TOKEN_ENDS = 128,	 /* generation */

	TOKEN_KINDS = 31,
	/* Matched as a whole, before the text around them is tokenized. */
	TOKEN_IS_SPECIAL = TOKEN_IS_UNKNOWN | TOKEN_IS_CONTROL | TOKEN_IS_USER_DEFINED,
};

struct token_table {
	const struct span *texts; /* [n], the caller's */
	uint8_t *attributes;	  /* [n], enum token_attribute */
	uint32_t n;
	uint32_t longest_bytes;
	struct text_index index;
};

/* 0; -EBADMSG (logged) for a vocabulary that makes no sense; -ENOMEM (logged). */
int token_table_init(struct token_table *table, const struct tokenizer_params *params,
		     const struct log *log);
void token_table_finish(struct token_table *table);

/* The token of exactly that text, whatever its kind, or -ENOENT. */
int32_t token_table_find(const struct token_table *table, const char *text, uint32_t size_bytes);

/* "<0xXX>" as the byte it names; false when TEXT is none. */
bool byte_token_value(struct span text, uint8_t *ret_byte);
/* The token that stands for one byte: "<0xXX>", else the byte itself, else -ENOENT. */
int32_t token_table_find_byte(const struct token_table *table, uint8_t byte);

#endif
