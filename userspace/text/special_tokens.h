/* SPDX-License-Identifier: MIT */
/*
 * Cuts a text at the tokens that are matched as a whole (control, user-defined, unknown), before
 * anything else looks at it. The longest goes first, wherever it stands; among equally long ones
 * the lower number, then the leftmost; what is matched is not matched again. Immutable once
 * filled.
 */
#ifndef SLM_TEXT_SPECIAL_TOKENS_H
#define SLM_TEXT_SPECIAL_TOKENS_H

#include <stdbool.h>

#include "token_table.h"

/* A part of a text: a whole token, or, where token is TOKEN_NONE, text that is none. */
struct fragment {
	uint32_t begin;
	uint32_t end;
	int32_t token;
};

struct fragments {
	struct fragment *items; /* [n], in the text's order; free() when done */
	size_t n;
	size_t capacity;
};

struct special_length;

struct special_tokens {
	struct span *texts;	   /* [n], the longest first */
	int32_t *ids;		   /* [n] */
	const uint8_t *attributes; /* of all tokens, the table's */
	uint32_t n;
	struct text_index index;	/* of texts */
	struct special_length *lengths; /* [n_lengths], the longest first */
	uint32_t n_lengths;
};

/* 0 or -ENOMEM. TABLE outlives the result. */
int special_tokens_init(struct special_tokens *special, const struct token_table *table);
void special_tokens_finish(struct special_tokens *special);

/* Where control and unknown tokens are looked for. */
struct special_places {
	bool anywhere;			/* false: nowhere */
	const struct text_range *plain; /* [n_plain] but not where they touch these, in order */
	size_t n_plain;
};

/*
 * Appends the fragments of TEXT; no empty ones, and without the white space that a token beside it
 * strips. Control and unknown tokens are seen only at PLACES. 0 or -ENOMEM.
 */
int special_tokens_split(const struct special_tokens *special, struct span text,
			 const struct special_places *places, struct fragments *fragments);

#endif
