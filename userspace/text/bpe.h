/* SPDX-License-Identifier: MIT */
/*
 * Byte-level BPE as GPT-2 has it: words are cut by a pre-tokenizer, their bytes are written in an
 * alphabet of 256 visible characters, and neighbours are merged in the order of the file's list.
 * A merged symbol that is no token falls apart into bytes; bytes without a token are left out.
 */
#ifndef SLM_TEXT_BPE_H
#define SLM_TEXT_BPE_H

#include "token_model.h"

extern const struct token_model_ops bpe_ops;

#endif
