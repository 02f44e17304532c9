/* SPDX-License-Identifier: MIT */
/* What the two halves of the parser share: jinja_parse_expression.c and jinja_parse_statement.c. */
#ifndef SLM_TEXT_JINJA_PARSE_H
#define SLM_TEXT_JINJA_PARSE_H

#include <errno.h>

#include "jinja_parser.h"

enum { SYMBOL_SLOTS = 4 * JINJA_SYMBOLS_MAX };

/*
 * The first failure is kept, and from then on the next lexeme is LEXEME_END: every loop ends, nodes
 * may be NULL or lack parts, and nobody looks at them.
 */
struct jinja_parser {
	struct arena *arena;
	const struct log *log;
	const struct lexeme *at;
	const struct lexeme *end; /* the last one, LEXEME_END */
	struct jinja_tree *tree;
	uint16_t *slots; /* [SYMBOL_SLOTS] symbol + 1 by hash, 0 is free */
	uint32_t nesting;
	uint32_t n_loops; /* around what is parsed, inside its macro */
	uint8_t uses;	  /* by the macro that is parsed */
	int error;
};

/* Logs and keeps a failure: "the chat template ..." with the line of the next lexeme. */
#define parse_error(parser, code, format, ...)                                                \
	do {                                                                                  \
		struct jinja_parser *_parser = (parser);                                      \
		if (_parser->error == 0)                                                      \
			_parser->error = log_error(_parser->log, code,                        \
						   "the chat template " format, __VA_ARGS__); \
		_parser->at = _parser->end;                                                   \
	} while (0)

/* A syntax error at the next lexeme: WANTED is what should stand there. */
void jinja_parse_unexpected(struct jinja_parser *parser, const char *wanted);
void jinja_parse_oom(struct jinja_parser *parser);
/* KIND NAME, for example filter and "xyz", is not known here. */
void jinja_parse_unknown(struct jinja_parser *parser, const char *kind, struct span name,
			 uint32_t line);

static inline bool jinja_at_operator(const struct jinja_parser *parser, int operation)
{
	return parser->at->kind == LEXEME_OPERATOR && parser->at->operation == operation;
}

static inline bool jinja_at_name(const struct jinja_parser *parser, const char *name)
{
	return parser->at->kind == LEXEME_NAME && span_is(parser->at->text, name);
}

/* The next lexeme, past which the parser moves; the last one stays. */
const struct lexeme *jinja_next(struct jinja_parser *parser);
/* Moves past an operator or a name if it comes. */
bool jinja_skip_operator(struct jinja_parser *parser, int operation);
bool jinja_skip_name(struct jinja_parser *parser, const char *name);
/* The same, and a syntax error where it does not. */
void jinja_expect_operator(struct jinja_parser *parser, int operation);
void jinja_expect_kind(struct jinja_parser *parser, enum lexeme_kind kind, const char *wanted);
/* A name's text; no bytes after a syntax error. */
struct span jinja_expect_name(struct jinja_parser *parser);

uint32_t jinja_symbol(struct jinja_parser *parser, struct span name);

/* Nodes that begin in LINE, with room for N items; NULL only after a failure. */
struct jinja_node *jinja_node_create(struct jinja_parser *parser, enum jinja_node_kind kind,
				     uint32_t line, uint32_t n);
/* Puts ITEM, which may be NULL, at PLACE and refuses trees that grow too deep. */
void jinja_node_put(struct jinja_parser *parser, struct jinja_node *node, uint32_t place,
		    struct jinja_node *item);
struct jinja_node *jinja_node_of(struct jinja_parser *parser, enum jinja_node_kind kind,
				 uint32_t line, struct jinja_node *first,
				 struct jinja_node *second);

/* A list of nodes that grows while it is parsed. */
struct jinja_nodes {
	struct jinja_node **items; /* [n] */
	uint32_t n;
	uint32_t capacity;
};

void jinja_nodes_add(struct jinja_parser *parser, struct jinja_nodes *nodes,
		     struct jinja_node *node);
/* A node of KIND whose items they are. */
struct jinja_node *jinja_nodes_take(struct jinja_parser *parser, struct jinja_nodes *nodes,
				    enum jinja_node_kind kind, uint32_t line);

/* Counts how deep blocks and expressions are nested; false after a failure, and then not to leave. */
bool jinja_enter(struct jinja_parser *parser);
void jinja_leave(struct jinja_parser *parser);

struct jinja_node *jinja_parse_expression(struct jinja_parser *parser, bool with_condition);
/* One expression, or several with commas between them: a tuple. Ends before the name END. */
struct jinja_node *jinja_parse_tuple(struct jinja_parser *parser, bool with_condition,
				     const char *end);
/* Filters after '|'; with INLINE the first comes without one. NULL where there are none. */
struct jinja_node *jinja_parse_filters(struct jinja_parser *parser, struct jinja_node *node,
				       bool is_inline);

#endif
