/* SPDX-License-Identifier: MIT */
/*
 * Tokens to text as they come. What it gives is always whole, valid UTF-8: a character that is
 * spread over tokens appears with the last of them, and bytes that are no character as U+FFFD.
 * One detokenizer serves one stream.
 */
#ifndef SLM_TEXT_DETOKENIZER_H
#define SLM_TEXT_DETOKENIZER_H

#include "tokenizer.h"

struct detokenizer_options {
	bool show_control; /* control and unknown tokens appear as they are written */
	/*
	 * The tokens are a text from its first token on, so that the blank that encoding put before
	 * it is taken off again; as llama.cpp has it, only when that token is the very first, not
	 * after BOS. Not for an answer, which goes on where a prompt ended.
	 */
	bool at_start;
};

struct detokenizer;

/* TOKENIZER outlives the result. 0 or -ENOMEM, not logged. */
int detokenizer_create(const struct tokenizer *tokenizer, const struct detokenizer_options *options,
		       struct detokenizer **ret_detokenizer);
void detokenizer_destroy(struct detokenizer *detokenizer);

/* The text that token ID completes, often none; it lives until the next call. */
struct span detokenizer_push(struct detokenizer *detokenizer, int32_t id);
/* What is left at the end: U+FFFD for an unfinished character. The stream may then begin anew. */
struct span detokenizer_flush(struct detokenizer *detokenizer);

#endif
