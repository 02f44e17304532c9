/* SPDX-License-Identifier: MIT */
/*
 * Cuts a text into the words inside which BPE merges: each kind is a row of regular expressions,
 * of which every one cuts the pieces that the one before it left. Immutable once created.
 */
#ifndef SLM_TEXT_PRETOKENIZER_H
#define SLM_TEXT_PRETOKENIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "log.h"
#include "span.h"
#include "tokenizer_params.h"

struct pretokenizer;

/*
 * The kind that PARAMS name (pre); where they name none, "default", with a warning. 0; -ENOTSUP
 * (logged) for a name that is not known: a guess would go unnoticed and spoil every answer;
 * -ENOMEM (logged).
 */
int pretokenizer_create(const struct tokenizer_params *params, const struct log *log,
			struct pretokenizer **ret_pretokenizer);
void pretokenizer_destroy(struct pretokenizer *pretokenizer);

/* A word that is a token is taken as it is, even where merging would not give it. */
bool pretokenizer_ignores_merges(const struct pretokenizer *pretokenizer);
/* Where the file does not say whether a text begins with BOS. */
bool pretokenizer_adds_bos(const struct pretokenizer *pretokenizer);

/* A word; lives during the call. Anything but 0 ends the splitting with that result. */
typedef int (*pretokenizer_word_fn)(void *data, struct span word);

/*
 * Gives the words of TEXT to FUNCTION in order. Together they are the text, in which each byte
 * that belongs to no character became U+FFFD; surrogates, which are no characters either, are
 * left as they are, as llama.cpp does. 0, -ENOMEM, or what FUNCTION returned.
 */
int pretokenizer_split(const struct pretokenizer *pretokenizer, struct span text,
		       pretokenizer_word_fn function, void *data);

#endif
