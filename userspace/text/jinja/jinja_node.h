/* SPDX-License-Identifier: MIT */
/* The tree of a parsed template. Immutable; all of it lives in the template's arena. */
#ifndef SLM_TEXT_JINJA_NODE_H
#define SLM_TEXT_JINJA_NODE_H

#include "jinja_lexer.h"
#include "jinja_value.h"

enum jinja_node_kind {
	/* Expressions. */
	NODE_CONSTANT,
	NODE_NAME,
	NODE_LIST,
	NODE_TUPLE,
	NODE_DICT,	/* items: keys and values in turn */
	NODE_NOT,	/* items[0] */
	NODE_UNARY,	/* operation items[0] */
	NODE_BINARY,	/* items[0] operation items[1] */
	NODE_AND,	/* items[0], items[1] */
	NODE_OR,	/* the same */
	NODE_COMPARE,	/* items[0], then each with its own operation */
	NODE_OPERAND,	/* operation items[0], inside NODE_COMPARE */
	NODE_CONCAT,	/* items */
	NODE_CONDITION, /* items: condition, then, else (may be NULL) */
	NODE_ATTRIBUTE, /* items[0].name */
	NODE_ITEM,	/* items[0][items[1]] */
	NODE_SLICE,	/* items[0][items[1]:items[2]:items[3]], all but the first may be NULL */
	NODE_CALL,	/* items[0](arguments) */
	NODE_FILTER,	/* items[0] | builtin(arguments); items[0] is NULL in a block */
	NODE_TEST,	/* items[0] is builtin(arguments) */
	/* Statements. */
	NODE_TEXT,
	NODE_OUTPUT,	   /* items[0] */
	NODE_IF,	   /* items: condition and body in turn; a last body alone is the else */
	NODE_FOR,	   /* items: target, sequence, body, filter or NULL, else or NULL */
	NODE_SET,	   /* items: target, expression */
	NODE_SET_BLOCK,	   /* items: target, filter or NULL, body */
	NODE_WITH,	   /* items: body, then target and expression in turn */
	NODE_MACRO,	   /* signature, items[0] is the body */
	NODE_CALL_BLOCK,   /* signature of the caller, items: body, NODE_CALL */
	NODE_FILTER_BLOCK, /* items: NODE_FILTER, body */
	NODE_SCOPE,	   /* items[0] */
	NODE_BREAK,
	NODE_CONTINUE,
	NODE_BODY, /* items */
	/* Targets of assignments beside NODE_NAME and NODE_TUPLE. */
	NODE_MEMBER, /* symbol.name */
};

/* What NODE_COMPARE's operations are beside those of lexemes. */
enum {
	OPERATION_IN = OPERATOR('i', 'n'),
	OPERATION_NOT_IN = OPERATOR('n', 'i'),
};

/* The arguments of a call: the first N - N_NAMED by position. */
struct jinja_argument_nodes {
	struct jinja_node **values;	   /* [n] */
	const struct jinja_string **names; /* [n], NULL for those by position */
	uint32_t n;
	struct jinja_node *list; /* *list, or NULL */
	struct jinja_node *dict; /* **dict, or NULL */
};

/* What a macro takes. */
struct jinja_signature {
	uint32_t *symbols;	      /* [n] */
	struct jinja_node **defaults; /* [n], NULL: none */
	uint32_t n;
	uint8_t uses; /* enum jinja_use */
};

/* The names that a macro has without being told, where its body uses them. */
enum jinja_use {
	JINJA_USES_VARARGS = 1,
	JINJA_USES_KWARGS = 2,
	JINJA_USES_CALLER = 4,
};

/* Symbols that every template has, whether it names them or not. */
enum {
	SYMBOL_LOOP,
	SYMBOL_VARARGS,
	SYMBOL_KWARGS,
	SYMBOL_CALLER,
};

struct jinja_builtin;

struct jinja_node {
	enum jinja_node_kind kind;
	uint32_t line;
	uint32_t depth; /* of the tree below */
	int operation;
	uint32_t symbol; /* of NODE_NAME, NODE_MACRO and NODE_MEMBER */
	uint32_t n;
	struct jinja_node **items; /* [n] */
	union {
		struct jinja_value constant; /* of NODE_CONSTANT and NODE_TEXT */
		const struct jinja_string *name;
		struct jinja_signature signature;
		struct {
			const struct jinja_builtin *builtin;
			struct jinja_argument_nodes arguments;
		};
	};
};

/* Names are numbers, "symbols". */
struct jinja_tree {
	struct jinja_node *body;
	const struct jinja_string **symbols; /* [n_symbols], their texts */
	uint32_t n_symbols;
};

#endif
