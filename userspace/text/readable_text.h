/* SPDX-License-Identifier: MIT */
/*
 * A text as regular expressions can read it: each byte that belongs to no character became U+FFFD,
 * and where the expressions' library knows less of Unicode than the text, it is shown a character
 * of the same kind and length instead.
 */
#ifndef SLM_TEXT_READABLE_TEXT_H
#define SLM_TEXT_READABLE_TEXT_H

#include "span.h"

struct readable_text {
	struct span text;  /* what is tokenized; surrogates are left in it */
	const char *shown; /* [text.size] what expressions see: valid UTF-8 */
	char *text_copy;   /* NULL when TEXT is the caller's */
	char *shown_copy;  /* NULL when SHOWN is TEXT */
};

/* TEXT outlives the result. 0 or -ENOMEM; to be finished in both cases. */
int readable_text_init(struct readable_text *readable, struct span text);
void readable_text_finish(struct readable_text *readable);

#endif
