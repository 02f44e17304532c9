/* SPDX-License-Identifier: MIT */
/*
 * Which tokens may come next so that an answer follows a grammar. Tokens are followed byte by byte,
 * so that one may hold part of a character, and several may lead to the same text. Control and
 * unknown tokens never may; an end token may exactly where the grammar is complete.
 *
 * Where few tokens may come they are found by a walk through the vocabulary's tree and listed; where
 * many may (inside a text), the sampler's candidates are tried one by one instead. Both give the
 * same tokens. One filter serves one answer; not for several threads.
 */
#ifndef SLM_ENGINE_TOKEN_FILTER_H
#define SLM_ENGINE_TOKEN_FILTER_H

#include "grammar.h"
#include "sampler.h"
#include "vocabulary.h"

struct token_filter;

struct token_filter_params {
	const struct grammar *grammar;
	const struct vocabulary *vocabulary; /* both outlive the filter */
	bool ignore_end; /* no end tokens: the answer ends where the grammar must end */
};

/* 0; -E2BIG for a grammar that is too ambiguous (matcher.h); -ENOMEM. Nothing is logged. */
int token_filter_create(const struct token_filter_params *params, struct token_filter **ret_filter);
void token_filter_destroy(struct token_filter *filter);

/*
 * What may come next, for sampler_pick_masked(); valid until the next accept. 0; -E2BIG; -ENOMEM.
 */
int token_filter_mask(struct token_filter *filter, struct sampler_mask *ret_mask);

/* TOKEN was picked: 1 once the grammar allows nothing more, else 0; -EINVAL for a token that may
 * not come; -E2BIG; -ENOMEM. */
int token_filter_accept(struct token_filter *filter, int32_t token);

/* Whether the answer may end here. */
bool token_filter_is_complete(const struct token_filter *filter);

#endif
