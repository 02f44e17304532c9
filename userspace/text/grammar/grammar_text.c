// SPDX-License-Identifier: MIT
/* Owns the reading of GBNF into a draft. Refuses what it does not know, with the line. */
#include "grammar_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "hash.h"

#define WHAT "the grammar"

struct reader {
	const char *text;
	size_t size;
	size_t at;
	const struct log *log;
	struct grammar_draft draft;
	uint32_t *slots; /* [n_slots], a power of two: rule + 1 by the hash of its name; 0: free */
	size_t n_slots;
	unsigned depth;
	struct code_set set;
	char *literal;
	size_t literal_size, literal_capacity;
};

static void reader_finish(struct reader *reader)
{
	grammar_draft_finish(&reader->draft);
	code_set_finish(&reader->set);
	free(reader->slots);
	free(reader->literal);
}

static unsigned line_of(const struct reader *reader)
{
	unsigned line = 1;

	for (size_t i = 0; i < reader->at; i++)
		line += reader->text[i] == '\n';
	return line;
}

static int refuse(const struct reader *reader, const char *why)
{
	return log_error(reader->log, EINVAL, "%s, line %u: %s", WHAT, line_of(reader), why);
}

/* ---- single characters ---- */

/* 0 at the end, which no grammar has inside. */
static char peek(const struct reader *reader)
{
	return reader->at < reader->size ? reader->text[reader->at] : '\0';
}

static bool take(struct reader *reader, char c)
{
	if (reader->at >= reader->size || reader->text[reader->at] != c)
		return false;
	reader->at++;
	return true;
}

static bool take_word(struct reader *reader, const char *word)
{
	size_t n = strlen(word);

	if (reader->size - reader->at < n || memcmp(reader->text + reader->at, word, n) != 0)
		return false;
	reader->at += n;
	return true;
}

static void skip_space(struct reader *reader, bool newlines)
{
	while (reader->at < reader->size) {
		char c = peek(reader);

		if (c == '#') {
			while (reader->at < reader->size && peek(reader) != '\n')
				reader->at++;
		} else if (c == ' ' || c == '\t' || (newlines && (c == '\n' || c == '\r'))) {
			reader->at++;
		} else {
			break;
		}
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int read_hex(struct reader *reader, unsigned n, uint32_t *ret_code)
{
	uint32_t code = 0;

	for (unsigned i = 0; i < n; i++) {
		int digit = hex_digit(peek(reader));

		if (digit < 0)
			return refuse(reader, "an escape has too few hexadecimal digits");
		code = code << 4 | (uint32_t)digit;
		reader->at++;
	}
	if (code > CODE_POINT_MAX || (code >= 0xd800 && code <= 0xdfff))
		return refuse(reader, "an escape is no character");
	*ret_code = code;
	return 0;
}

static int read_escape(struct reader *reader, uint32_t *ret_code)
{
	static const char names[] = "nrt\\\"[]-^", codes[] = "\n\r\t\\\"[]-^";
	char c = peek(reader);
	const char *name = c != '\0' ? strchr(names, c) : NULL;

	if (take(reader, 'x'))
		return read_hex(reader, 2, ret_code);
	if (take(reader, 'u'))
		return read_hex(reader, 4, ret_code);
	if (take(reader, 'U'))
		return read_hex(reader, 8, ret_code);
	if (!name)
		return refuse(reader, "an escape after \\ that is not known");
	reader->at++;
	*ret_code = (uint32_t)(unsigned char)codes[name - names];
	return 0;
}

static int read_code(struct reader *reader, uint32_t *ret_code)
{
	size_t length;

	if (take(reader, '\\'))
		return read_escape(reader, ret_code);
	length = utf8_decode(reader->text + reader->at, reader->size - reader->at, ret_code);
	if (length == 1 && *ret_code == 0xfffd)
		return refuse(reader, "this is not UTF-8");
	reader->at += length;
	return 0;
}

/* ---- names ---- */

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

static struct span take_name(struct reader *reader)
{
	size_t begin = reader->at;

	while (is_name(peek(reader)))
		reader->at++;
	return (struct span){reader->text + begin, (uint32_t)(reader->at - begin)};
}

/* The rule of that name, made where there is none; EXPR_NONE once the draft has failed. */
static uint32_t rule_named(struct reader *reader, struct span name)
{
	size_t slot = hash_bytes(name.data, name.size) & (reader->n_slots - 1);

	for (; reader->slots[slot] != 0; slot = (slot + 1) & (reader->n_slots - 1)) {
		if (span_equal(draft_rule_name(&reader->draft, reader->slots[slot] - 1), name))
			return reader->slots[slot] - 1;
	}
	if (draft_add_rule(&reader->draft, name) == EXPR_NONE)
		return EXPR_NONE;
	reader->slots[slot] = (uint32_t)reader->draft.n_rules;
	return reader->slots[slot] - 1;
}

/* ---- expressions ---- */

static int read_alternatives(struct reader *reader, bool in_group, uint32_t *ret_expr);

static int read_literal(struct reader *reader, uint32_t *ret_expr)
{
	reader->literal_size = 0;
	while (!take(reader, '"')) {
		uint32_t code;
		int r;

		if (reader->at >= reader->size || peek(reader) == '\n')
			return refuse(reader, "a literal has no closing \"");
		r = read_code(reader, &code);
		if (r == 0)
			r = array_reserve(&reader->literal, &reader->literal_capacity,
					  reader->literal_size + UTF8_MAX, 1);
		if (r < 0)
			return r;
		reader->literal_size += utf8_encode(code, reader->literal + reader->literal_size);
	}
	*ret_expr = draft_text(&reader->draft,
			       (struct span){reader->literal, (uint32_t)reader->literal_size});
	return 0;
}

static int read_range(struct reader *reader)
{
	uint32_t first, last;
	int r = read_code(reader, &first);

	if (r < 0)
		return r;
	last = first;
	if (peek(reader) == '-' && reader->at + 1 < reader->size &&
	    reader->text[reader->at + 1] != ']') {
		reader->at++;
		r = read_code(reader, &last);
		if (r < 0)
			return r;
		if (last < first)
			return refuse(reader, "a range ends before it begins");
	}
	return code_set_add(&reader->set, first, last);
}

static int read_class(struct reader *reader, uint32_t *ret_expr)
{
	bool inverted = take(reader, '^');
	int r = 0;

	reader->set.n = 0;
	while (r == 0 && !take(reader, ']')) {
		if (reader->at >= reader->size || peek(reader) == '\n')
			return refuse(reader, "a class has no closing ]");
		r = read_range(reader);
	}
	if (r == 0 && inverted)
		r = code_set_invert(&reader->set);
	if (r == 0)
		*ret_expr = draft_set(&reader->draft, &reader->set);
	return r;
}

static int read_any(struct reader *reader, uint32_t *ret_expr)
{
	int r;

	reader->set.n = 0;
	r = code_set_add(&reader->set, 0, CODE_POINT_MAX);
	if (r == 0)
		*ret_expr = draft_set(&reader->draft, &reader->set);
	return r;
}

static int read_group(struct reader *reader, uint32_t *ret_expr)
{
	int r;

	if (++reader->depth > DRAFT_DEPTH_MAX / 2)
		return refuse(reader, "groups are nested too deeply");
	r = read_alternatives(reader, true, ret_expr);
	if (r < 0)
		return r;
	reader->depth--;
	return take(reader, ')') ? 0 : refuse(reader, "a group has no closing )");
}

static int read_item(struct reader *reader, uint32_t *ret_expr)
{
	uint32_t rule;

	if (take(reader, '"'))
		return read_literal(reader, ret_expr);
	if (take(reader, '['))
		return read_class(reader, ret_expr);
	if (take(reader, '('))
		return read_group(reader, ret_expr);
	if (take(reader, '.'))
		return read_any(reader, ret_expr);
	if (!is_name(peek(reader)))
		return refuse(reader, "expected a literal, a class, a group or the name of a rule");
	rule = rule_named(reader, take_name(reader));
	*ret_expr = draft_rule(&reader->draft, rule);
	return 0;
}

static int read_number(struct reader *reader, uint32_t *ret_number)
{
	uint32_t number = 0;

	if (peek(reader) < '0' || peek(reader) > '9')
		return refuse(reader, "expected a number of repetitions");
	while (peek(reader) >= '0' && peek(reader) <= '9') {
		number = number * 10 + (uint32_t)(peek(reader) - '0');
		reader->at++;
		if (number > DRAFT_REPEAT_MAX)
			return log_error(reader->log, E2BIG,
					 "%s, line %u: at most %d repetitions can be counted", WHAT,
					 line_of(reader), DRAFT_REPEAT_MAX);
	}
	skip_space(reader, false);
	*ret_number = number;
	return 0;
}

static int read_counts(struct reader *reader, uint32_t *ret_least, uint32_t *ret_most)
{
	int r;

	skip_space(reader, false);
	r = read_number(reader, ret_least);
	*ret_most = *ret_least;
	if (r == 0 && take(reader, ',')) {
		skip_space(reader, false);
		*ret_most = REPEAT_MANY;
		if (peek(reader) != '}')
			r = read_number(reader, ret_most);
	}
	if (r < 0)
		return r;
	if (!take(reader, '}'))
		return refuse(reader, "a repetition has no closing }");
	return *ret_most < *ret_least ? refuse(reader, "a repetition ends before it begins") : 0;
}

/* *+?{m,n} after EXPR; each one more is one more level. */
static int read_repetitions(struct reader *reader, uint32_t *expr)
{
	for (unsigned n = 0;; n++) {
		uint32_t least = 0, most = REPEAT_MANY;
		int r = 0;

		if (take(reader, '+'))
			least = 1;
		else if (take(reader, '?'))
			most = 1;
		else if (take(reader, '{'))
			r = read_counts(reader, &least, &most);
		else if (!take(reader, '*'))
			return 0;
		if (r < 0)
			return r;
		if (n >= 2)
			return refuse(reader, "more than two repetitions of the same thing");
		*expr = draft_repeat(&reader->draft, *expr, least, most);
		skip_space(reader, reader->depth > 0);
	}
}

static bool ends_sequence(const struct reader *reader)
{
	char c = peek(reader);

	return reader->at >= reader->size || c == '|' || c == ')' || c == '\n' || c == '\r';
}

static int read_sequence(struct reader *reader, bool in_group, uint32_t *ret_expr)
{
	uint32_t sequence = draft_sequence(&reader->draft);
	int r = 0;

	while (r == 0 && !ends_sequence(reader)) {
		uint32_t item = EXPR_NONE;

		r = read_item(reader, &item);
		skip_space(reader, in_group);
		if (r == 0)
			r = read_repetitions(reader, &item);
		draft_append(&reader->draft, sequence, item);
	}
	*ret_expr = sequence;
	return r;
}

static int read_alternatives(struct reader *reader, bool in_group, uint32_t *ret_expr)
{
	uint32_t choice = draft_choice(&reader->draft), sequence;
	int r;

	do {
		skip_space(reader, true);
		r = read_sequence(reader, in_group, &sequence);
		draft_append(&reader->draft, choice, sequence);
	} while (r == 0 && take(reader, '|'));
	*ret_expr = choice;
	return r;
}

static int read_rule(struct reader *reader)
{
	struct span name = take_name(reader);
	uint32_t rule, expr;
	int r;

	if (name.size == 0)
		return refuse(reader, "expected the name of a rule");
	skip_space(reader, false);
	if (!take_word(reader, "::="))
		return refuse(reader, "expected ::= after the name of a rule");
	rule = rule_named(reader, name);
	r = read_alternatives(reader, false, &expr);
	if (r < 0 || reader->draft.error < 0)
		return r;
	if (peek(reader) == ')')
		return refuse(reader, "a ) closes nothing");
	if (reader->draft.rules[rule].expr != EXPR_NONE)
		return log_error(reader->log, EINVAL, "%s, line %u: '%.*s' is defined twice", WHAT,
				 line_of(reader), span_shown(name), name.data);
	draft_define_rule(&reader->draft, rule, expr);
	return 0;
}

static int read_rules(struct reader *reader)
{
	int r = 0;

	reader->n_slots = (size_t)DRAFT_RULES_MAX * 2;
	reader->slots = calloc(reader->n_slots, sizeof(*reader->slots));
	if (!reader->slots)
		return -ENOMEM;
	(void)rule_named(reader, SPAN("root"));
	skip_space(reader, true);
	while (r == 0 && reader->draft.error == 0 && reader->at < reader->size) {
		r = read_rule(reader);
		skip_space(reader, true);
	}
	if (r == 0 && reader->draft.error == 0 && reader->draft.rules[0].expr == EXPR_NONE)
		return log_error(reader->log, EINVAL, "%s does not define the rule 'root'", WHAT);
	return r;
}

int grammar_from_text(const char *text, size_t size_bytes, const struct log *log,
		      struct grammar **ret_grammar)
{
	struct reader reader __attribute__((cleanup(reader_finish))) = {
		.text = text, .size = size_bytes, .log = log};
	int r;

	if (size_bytes > GRAMMAR_TEXT_MAX)
		return log_error(log, E2BIG, "%s has %zu bytes; at most %d can be read", WHAT,
				 size_bytes, GRAMMAR_TEXT_MAX);
	r = read_rules(&reader);
	if (r == -ENOMEM)
		return log_oom(log, "reading a grammar");
	return r < 0 ? r : grammar_compile(&reader.draft, WHAT, log, ret_grammar);
}
