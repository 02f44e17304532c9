/* SPDX-License-Identifier: MIT */
/* Finds what a misspelt word was meant to be. */
#ifndef SLM_PROGRAMS_SPELLING_H
#define SLM_PROGRAMS_SPELLING_H

#include <stddef.h>

/* Keeps the best of the words it has been shown. */
struct spelling {
	const char *word;
	const char *best; /* NULL: nothing was near */
	unsigned best_distance;
	unsigned limit; /* letters that may be wrong */
};

void spelling_init(struct spelling *spelling, const char *word);
/* CANDIDATE lives as long as the result is used. */
void spelling_offer(struct spelling *spelling, const char *candidate);

#endif
