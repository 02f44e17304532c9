/* SPDX-License-Identifier: MIT */
/*
 * WordPiece, BERT's (arXiv 1609.08144): a text becomes words, without accents and in lower case where
 * the model wants that; each punctuation mark and each Chinese character is a word of its own. A word
 * becomes the longest token that begins it, then the longest that begins what is left, ...; one
 * that does not come out even becomes the unknown token. Tokens that begin words are written with
 * U+2581 in front, those that continue them bare.
 *
 * Without accents, of a character that canonically decomposes only the first part is kept, which in
 * Korean is less than a syllable: that is how llama.cpp has it.
 */
#ifndef SLM_TEXT_WORDPIECE_H
#define SLM_TEXT_WORDPIECE_H

#include "token_model.h"

extern const struct token_model_ops wordpiece_ops;

#endif
