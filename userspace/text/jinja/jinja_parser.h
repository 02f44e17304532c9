/* SPDX-License-Identifier: MIT */
/*
 * From a template's source to its tree. What is not known here is refused by name: a template that
 * is guessed at makes prompts that spoil every answer without anybody noticing.
 */
#ifndef SLM_TEXT_JINJA_PARSER_H
#define SLM_TEXT_JINJA_PARSER_H

#include "jinja_node.h"

enum {
	JINJA_SYMBOLS_MAX = 4096,
	JINJA_NESTING_MAX = 128, /* of expressions and of blocks */
};

/*
 * All of the result lives in ARENA. 0; -EBADMSG for a syntax error, -ENOTSUP for what is not known
 * here, both logged with the line; -ENOMEM, not logged.
 */
int jinja_parse(struct arena *arena, struct span source, const struct log *log,
		struct jinja_tree *ret_tree);

#endif
