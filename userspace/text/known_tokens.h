/* SPDX-License-Identifier: MIT */
/*
 * What files leave unsaid about their special tokens, put right by the tokens' texts: which token
 * ends a turn, which of them end generation, which are control tokens though the file calls them
 * normal. The rules and the lists are those that llama.cpp applies to the same files.
 */
#ifndef SLM_TEXT_KNOWN_TOKENS_H
#define SLM_TEXT_KNOWN_TOKENS_H

#include <stdbool.h>

#include "log.h"
#include "token_table.h"
#include "tokenizer_params.h"

/*
 * Fills ROLES from PARAMS, the model's defaults and the known texts, and corrects the attributes
 * in TABLE, TOKEN_ENDS among them. A number out of range is ignored with a warning.
 */
void known_tokens_apply(const struct tokenizer_params *params, const struct log *log,
			struct token_table *table, int32_t roles[static TOKEN_ROLES]);

#endif
