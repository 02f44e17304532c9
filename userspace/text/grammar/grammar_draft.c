// SPDX-License-Identifier: MIT
/* Owns the memory of expressions under construction, and the limits on their number. */
#include "grammar_draft.h"

#include <errno.h>
#include <stdlib.h>

#include "array.h"

void grammar_draft_finish(struct grammar_draft *draft)
{
	free(draft->exprs);
	free(draft->rules);
	free(draft->ranges);
	free(draft->texts);
	*draft = (struct grammar_draft){0};
}

static bool fails(struct grammar_draft *draft, int r)
{
	if (draft->error == 0)
		draft->error = r;
	return draft->error < 0;
}

static uint32_t add(struct grammar_draft *draft, struct expr expr)
{
	if (draft->n_exprs >= DRAFT_EXPRS_MAX && fails(draft, -E2BIG))
		return EXPR_NONE;
	if (fails(draft, array_reserve(&draft->exprs, &draft->exprs_capacity, draft->n_exprs + 1,
				       sizeof(expr))))
		return EXPR_NONE;
	expr.first = expr.last = expr.next = EXPR_NONE;
	draft->exprs[draft->n_exprs] = expr;
	return (uint32_t)draft->n_exprs++;
}

/* Where SIZE bytes of TEXT stand from now on. */
static uint32_t keep_text(struct grammar_draft *draft, struct span text)
{
	size_t at = draft->n_texts;

	if (text.size > DRAFT_TEXTS_MAX - at)
		(void)fails(draft, -E2BIG);
	if (fails(draft,
		  array_reserve(&draft->texts, &draft->texts_capacity, at + text.size + 1, 1)))
		return 0;
	if (text.size > 0)
		memcpy(draft->texts + at, text.data, text.size);
	draft->n_texts += text.size;
	return (uint32_t)at;
}

/* ---- rules ---- */

uint32_t draft_add_rule(struct grammar_draft *draft, struct span name)
{
	struct draft_rule rule = {EXPR_NONE, keep_text(draft, name), name.size};

	if (draft->n_rules >= DRAFT_RULES_MAX)
		(void)fails(draft, -E2BIG);
	if (fails(draft, array_reserve(&draft->rules, &draft->rules_capacity, draft->n_rules + 1,
				       sizeof(rule))))
		return EXPR_NONE;
	draft->rules[draft->n_rules] = rule;
	return (uint32_t)draft->n_rules++;
}

void draft_define_rule(struct grammar_draft *draft, uint32_t rule, uint32_t expr)
{
	if (draft->error == 0)
		draft->rules[rule].expr = expr;
}

struct span draft_rule_name(const struct grammar_draft *draft, uint32_t rule)
{
	return (struct span){draft->texts + draft->rules[rule].name, draft->rules[rule].name_size};
}

/* ---- expressions ---- */

uint32_t draft_sequence(struct grammar_draft *draft)
{
	return add(draft, (struct expr){.kind = EXPR_SEQUENCE});
}

uint32_t draft_choice(struct grammar_draft *draft)
{
	return add(draft, (struct expr){.kind = EXPR_CHOICE});
}

void draft_append(struct grammar_draft *draft, uint32_t whole, uint32_t part)
{
	struct expr *expr;

	if (draft->error < 0)
		return;
	expr = &draft->exprs[whole];
	if (expr->first == EXPR_NONE)
		expr->first = part;
	else
		draft->exprs[expr->last].next = part;
	expr->last = part;
}

uint32_t draft_repeat(struct grammar_draft *draft, uint32_t part, uint32_t least, uint32_t most)
{
	uint32_t expr = add(draft, (struct expr){.kind = EXPR_REPEAT, .a = least, .b = most});

	if (least > DRAFT_REPEAT_MAX || (most != REPEAT_MANY && most > DRAFT_REPEAT_MAX))
		(void)fails(draft, -E2BIG);
	draft_append(draft, expr, part);
	return draft->error < 0 ? EXPR_NONE : expr;
}

uint32_t draft_rule(struct grammar_draft *draft, uint32_t rule)
{
	return add(draft, (struct expr){.kind = EXPR_RULE, .a = rule});
}

uint32_t draft_text(struct grammar_draft *draft, struct span text)
{
	uint32_t at = keep_text(draft, text);

	return add(draft, (struct expr){.kind = EXPR_TEXT, .a = at, .b = text.size});
}

uint32_t draft_set(struct grammar_draft *draft, struct code_set *set)
{
	size_t at = draft->n_ranges;

	code_set_tidy(set);
	if (fails(draft, array_reserve(&draft->ranges, &draft->ranges_capacity, at + set->n,
				       sizeof(*set->ranges))))
		return EXPR_NONE;
	if (set->n > 0)
		memcpy(draft->ranges + at, set->ranges, set->n * sizeof(*set->ranges));
	draft->n_ranges += set->n;
	return add(draft,
		   (struct expr){.kind = EXPR_SET, .a = (uint32_t)at, .b = (uint32_t)set->n});
}

uint32_t draft_word(struct grammar_draft *draft, const char *text)
{
	return draft_text(draft, (struct span){text, (uint32_t)strlen(text)});
}

uint32_t draft_row(struct grammar_draft *draft, const uint32_t *parts, size_t n)
{
	uint32_t sequence = draft_sequence(draft);

	for (size_t i = 0; i < n; i++)
		draft_append(draft, sequence, parts[i]);
	return draft->error < 0 ? EXPR_NONE : sequence;
}
