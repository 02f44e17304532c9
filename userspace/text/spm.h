/* SPDX-License-Identifier: MIT */
/*
 * SentencePiece's BPE: blanks become U+2581, characters are merged as long as two neighbours make
 * a token, the highest score first, and what is no token in the end becomes its bytes. A byte
 * without a token becomes the unknown token.
 */
#ifndef SLM_TEXT_SPM_H
#define SLM_TEXT_SPM_H

#include "token_model.h"

extern const struct token_model_ops spm_ops;

/* What a token's TEXT stands for: token_model_ops.decode of all kinds that write blanks as U+2581. */
size_t spm_decode(struct span text, char *out);

#endif
