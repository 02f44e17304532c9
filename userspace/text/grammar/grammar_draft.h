/* SPDX-License-Identifier: MIT */
/*
 * A grammar while it is being written down: rules whose right sides are trees of expressions. Each
 * notation (grammar_text.h, json_schema.h) fills a draft; grammar_compile() turns it into a grammar.
 *
 * The first failure is kept and every later call gives EXPR_NONE, so that a writer asks once, at
 * the end. An expression has one place in one tree: it is never used twice.
 */
#ifndef SLM_TEXT_GRAMMAR_DRAFT_H
#define SLM_TEXT_GRAMMAR_DRAFT_H

#include <stddef.h>
#include <stdint.h>

#include "code_set.h"
#include "span.h"

#define EXPR_NONE   UINT32_MAX
#define REPEAT_MANY UINT32_MAX /* no upper bound */

enum {
	DRAFT_EXPRS_MAX = 1 << 19,
	DRAFT_RULES_MAX = 1 << 14,
	DRAFT_TEXTS_MAX = 16 << 20,
	DRAFT_REPEAT_MAX = 10000, /* {m,n}: the larger of both */
	DRAFT_DEPTH_MAX = 128,	  /* of expressions in each other; writers see to it */
};

enum expr_kind {
	EXPR_SEQUENCE, /* no parts: the empty text */
	EXPR_CHOICE,   /* no parts: nothing at all can be written */
	EXPR_REPEAT,   /* its only part */
	EXPR_RULE,
	EXPR_SET,  /* one character of a set */
	EXPR_TEXT, /* these bytes */
};

struct expr {
	enum expr_kind kind;
	uint32_t first; /* part */
	uint32_t last;
	uint32_t next; /* part of the same whole */
	uint32_t a;    /* repeat: least; rule: which; set, text: where it begins */
	uint32_t b;    /* repeat: most; set, text: how many */
};

struct draft_rule {
	uint32_t expr; /* EXPR_NONE until it is defined */
	uint32_t name; /* where in texts */
	uint32_t name_size;
};

/* Empty when zeroed. */
struct grammar_draft {
	struct expr *exprs;
	size_t n_exprs, exprs_capacity;
	struct draft_rule *rules; /* [n_rules]; the first is where a text begins */
	size_t n_rules, rules_capacity;
	struct code_range *ranges;
	size_t n_ranges, ranges_capacity;
	char *texts;
	size_t n_texts, texts_capacity;
	int error; /* 0, -ENOMEM, or -E2BIG past a limit above */
};

void grammar_draft_finish(struct grammar_draft *draft);

/* A rule without a definition yet; its number. NAME is copied, for messages. */
uint32_t draft_add_rule(struct grammar_draft *draft, struct span name);
void draft_define_rule(struct grammar_draft *draft, uint32_t rule, uint32_t expr);
struct span draft_rule_name(const struct grammar_draft *draft, uint32_t rule);

uint32_t draft_sequence(struct grammar_draft *draft);
uint32_t draft_choice(struct grammar_draft *draft);
/* Adds PART to a sequence or choice. */
void draft_append(struct grammar_draft *draft, uint32_t whole, uint32_t part);

uint32_t draft_repeat(struct grammar_draft *draft, uint32_t part, uint32_t least, uint32_t most);
uint32_t draft_rule(struct grammar_draft *draft, uint32_t rule);
uint32_t draft_text(struct grammar_draft *draft, struct span text);
/* SET is tidied, and copied. */
uint32_t draft_set(struct grammar_draft *draft, struct code_set *set);

/* draft_text() of a C string, draft_sequence() of N parts. */
uint32_t draft_word(struct grammar_draft *draft, const char *text);
uint32_t draft_row(struct grammar_draft *draft, const uint32_t *parts, size_t n);
#define DRAFT_ROW(draft, ...)                       \
	draft_row(draft, (uint32_t[]){__VA_ARGS__}, \
		  sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

#endif
