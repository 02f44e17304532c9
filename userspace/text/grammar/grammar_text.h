/* SPDX-License-Identifier: MIT */
/*
 * Grammars in the notation of llama.cpp's --grammar files (GBNF):
 *
 *   root ::= "yes" | "no" reason?      # a text begins with root
 *   reason ::= ", because " [^.\n]{1,80} "."
 *
 * Literals "..." and classes [a-z] [^a-z] with the escapes \n \r \t \\ \" \[ \] \xHH \uHHHH
 * \UHHHHHHHH (code points), . for any character, ( ), |, and * + ? {m} {m,} {m,n} after what they
 * repeat. A rule ends with its line unless ( is open or | or ::= came last.
 */
#ifndef SLM_TEXT_GRAMMAR_TEXT_H
#define SLM_TEXT_GRAMMAR_TEXT_H

#include "grammar.h"

enum { GRAMMAR_TEXT_MAX = 1 << 20 }; /* bytes, also of a schema */

/*
 * The grammar that TEXT describes. 0; -EINVAL where TEXT is none, names an undefined rule, is left
 * recursive or never ends; -E2BIG past a limit; -ENOMEM; each logged with its line.
 */
int grammar_from_text(const char *text, size_t size_bytes, const struct log *log,
		      struct grammar **ret_grammar);

#endif
