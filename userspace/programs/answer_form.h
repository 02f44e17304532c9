/* SPDX-License-Identifier: MIT */
/* The form that answers must have, as the options --schema and --grammar give it. */
#ifndef SLM_PROGRAMS_ANSWER_FORM_H
#define SLM_PROGRAMS_ANSWER_FORM_H

#include "grammar.h"
#include "log.h"

struct answer_form {
	const char *schema;  /* a file's name, or JSON: { } true false; NULL: none */
	const char *grammar; /* a file's name; NULL: none */
};

/*
 * The grammar of FORM, NULL where it asks for nothing. 0; -EINVAL when it asks for both; else what
 * reading the file, the schema or the grammar gave; each logged.
 */
int answer_form_read(const struct answer_form *form, const struct log *log,
		     struct grammar **ret_grammar);

#endif
