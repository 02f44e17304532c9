/* SPDX-License-Identifier: MIT */
/*
 * Follows a grammar byte by byte. A place in a grammar is a small number; places are made as they
 * are first reached and kept, so that going the same way again is one look-up. What a place stands
 * for is every way the grammar can be read so far, as a set of states each with the set of stacks
 * of calls beneath it; equal sets are one place, whichever way led there, so that an ambiguous
 * grammar costs no more than the number of its states at each depth.
 *
 * Every place can be completed: ways that nest deeper than GRAMMAR_NESTING_MAX are left out before
 * they are begun. One matcher serves one answer; not for several threads.
 */
#ifndef SLM_TEXT_MATCHER_H
#define SLM_TEXT_MATCHER_H

#include "grammar.h"

struct matcher;

/* GRAMMAR outlives the result. 0; -E2BIG as below; -ENOMEM. Nothing is logged. */
int matcher_create(const struct grammar *grammar, struct matcher **ret_matcher);
void matcher_destroy(struct matcher *matcher);

/* The place before the first byte. */
uint32_t matcher_start(const struct matcher *matcher);

/*
 * Where BYTE leads from PLACE: 1, or 0 where the grammar does not allow it; -ENOMEM; -E2BIG when
 * the grammar is so ambiguous that following it takes too much memory.
 */
int matcher_step(struct matcher *matcher, uint32_t place, uint8_t byte, uint32_t *ret_place);

/* Whether the text may end at PLACE, and whether it must. */
bool matcher_may_end(const struct matcher *matcher, uint32_t place);
bool matcher_must_end(const struct matcher *matcher, uint32_t place);

/*
 * To be called between tokens: where much memory has been used, forgets all places but *PLACE,
 * which may get another number. 0 or -ENOMEM, then nothing has changed.
 */
int matcher_trim(struct matcher *matcher, uint32_t *place);

#endif
