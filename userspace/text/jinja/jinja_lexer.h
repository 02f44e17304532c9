/* SPDX-License-Identifier: MIT */
/*
 * A template's source cut into lexemes, with the white space around tags treated as transformers
 * sets Jinja up: trim_blocks, lstrip_blocks, and no newline at the end.
 */
#ifndef SLM_TEXT_JINJA_LEXER_H
#define SLM_TEXT_JINJA_LEXER_H

#include "arena.h"
#include "log.h"
#include "span.h"

enum lexeme_kind {
	LEXEME_END,
	LEXEME_TEXT,
	LEXEME_OUTPUT_BEGIN, /* {{ */
	LEXEME_OUTPUT_END,
	LEXEME_BLOCK_BEGIN, /* {% */
	LEXEME_BLOCK_END,
	LEXEME_NAME,
	LEXEME_STRING, /* text: what it stands for */
	LEXEME_INTEGER,
	LEXEME_FLOAT, /* digits without underscores */
	LEXEME_OPERATOR,
};

/* How operators are written as numbers: OPERATOR('+', 0), OPERATOR('=', '='). */
#define OPERATOR(a, b) ((a) | (b) << 8)

struct lexeme {
	enum lexeme_kind kind;
	uint32_t line; /* from 1 */
	int operation; /* of LEXEME_OPERATOR */
	struct span text;
};

struct lexemes {
	struct lexeme *items; /* [n], the last is LEXEME_END */
	size_t n;
	size_t capacity;
};

/*
 * Appends the lexemes of SOURCE to LEXEMES; all lives in ARENA. 0; -EBADMSG (logged) with the line
 * where the source makes no sense; -ENOMEM, not logged.
 */
int jinja_lex(struct arena *arena, struct span source, const struct log *log,
	      struct lexemes *lexemes);

#endif
