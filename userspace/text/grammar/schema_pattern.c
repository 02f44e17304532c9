// SPDX-License-Identifier: MIT
/*
 * Owns patterns: the regular expressions of ECMA-262 that are regular, over the characters of a
 * string, each written as JSON writes it. Refuses what looks around, refers back or has properties.
 */
#include <errno.h>
#include <string.h>

#include "array.h"
#include "schema_reader.h"

enum { GROUPS_MAX = 32 }; /* in each other */

/* An expression and how many characters it matches; most is REPEAT_MANY without a bound. */
struct part {
	uint32_t expr;
	uint64_t least, most;
	bool is_loop; /* a repetition of single characters */
};

struct pattern {
	struct schema_reader *reader;
	const char *text;
	const char *at;
	unsigned depth;
	struct code_set set;
};

static struct part failed(struct pattern *pattern, const char *why)
{
	(void)schema_refuse(pattern->reader, ENOTSUP, "pattern '%.80s': %s", pattern->text, why);
	return (struct part){.expr = EXPR_NONE};
}

static bool is_well(const struct pattern *pattern)
{
	return pattern->reader->draft.error == 0;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	return a == REPEAT_MANY || b == REPEAT_MANY ? REPEAT_MANY : MIN(a + b, REPEAT_MANY - 1u);
}

static uint64_t times(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return 0;
	return a == REPEAT_MANY || b == REPEAT_MANY ? REPEAT_MANY : MIN(a * b, REPEAT_MANY - 1u);
}

static bool take(struct pattern *pattern, char c)
{
	if (*pattern->at != c)
		return false;
	pattern->at++;
	return true;
}

/* ---- characters ---- */

static void add(struct pattern *pattern, uint32_t first, uint32_t last)
{
	(void)schema_is_well(pattern->reader, code_set_add(&pattern->set, first, last));
}

static const struct code_range words[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
/* Readers of patterns differ about the last three: they are neither white space nor not. */
static const struct code_range blanks[] = {
	{'\t', '\r'},	  {' ', ' '},	    {0xa0, 0xa0},     {0x1680, 0x1680},
	{0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f},
	{0x3000, 0x3000}, {0x1c, 0x1f},	    {0x85, 0x85},     {0xfeff, 0xfeff},
};

/* The class that C names after a backslash; false where it names none. */
static bool add_class(struct pattern *pattern, char c)
{
	char kind = (char)(c | 0x20);
	const struct code_range *ranges = kind == 's' ? blanks : words;
	size_t n = kind == 'w' ? ARRAY_SIZE(words) : 1;
	struct code_set set = {0};
	int r = 0;

	if (!strchr("dws", kind))
		return false;
	if (kind == 's')
		n = ARRAY_SIZE(blanks) - (c == 's' ? 3 : 0);
	for (size_t i = 0; i < n && r == 0; i++)
		r = code_set_add(&set, ranges[i].first, ranges[i].last);
	if (r == 0 && c != kind)
		r = code_set_invert(&set);
	if (r == 0)
		r = code_set_add_all(&pattern->set, &set);
	code_set_finish(&set);
	(void)schema_is_well(pattern->reader, r);
	return true;
}

/* N hexadecimal digits; false where there are fewer. */
static bool take_hex(struct pattern *pattern, unsigned n, uint32_t *ret_code)
{
	uint32_t code = 0;

	for (unsigned i = 0; i < n; i++) {
		static const char digits[] = "0123456789abcdef0123456789ABCDEF";
		const char *digit = pattern->at[i] ? strchr(digits, pattern->at[i]) : NULL;

		if (!digit)
			return false;
		code = code << 4 | (uint32_t)((digit - digits) & 15);
	}
	pattern->at += n;
	*ret_code = code;
	return code < 0xd800 || code > 0xdfff;
}

/* The character after a backslash that is no class. */
static uint32_t take_escape(struct pattern *pattern)
{
	static const char names[] = "nrtfv0", codes[] = "\n\r\t\f\v";
	char c = *pattern->at;
	const char *name = c ? strchr(names, c) : NULL;
	uint32_t code = 0;

	if (c == '\0') {
		(void)failed(pattern, "ends with a backslash");
		return 0;
	}
	pattern->at++;
	if (name && !(c == '0' && pattern->at[0] >= '0' && pattern->at[0] <= '9'))
		return (uint32_t)codes[name - names];
	if ((c == 'x' && take_hex(pattern, 2, &code)) || (c == 'u' && take_hex(pattern, 4, &code)))
		return code;
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c & 0x80)
		(void)failed(pattern, "an escape that cannot be enforced");
	return (uint32_t)c;
}

static uint32_t take_character(struct pattern *pattern)
{
	uint32_t code;

	if (take(pattern, '\\'))
		return take_escape(pattern);
	pattern->at += utf8_decode(pattern->at, strnlen(pattern->at, UTF8_MAX), &code);
	return code;
}

/* One character of what is in the set. */
static struct part character(struct pattern *pattern)
{
	return (struct part){schema_characters(pattern->reader, &pattern->set), 1, 1, false};
}

static void take_range(struct pattern *pattern)
{
	uint32_t first, last;

	if (pattern->at[0] == '\\' && pattern->at[1] && add_class(pattern, pattern->at[1])) {
		pattern->at += 2;
		return;
	}
	if (pattern->at[0] == '\\' && pattern->at[1] == 'b') { /* a backspace, here */
		pattern->at += 2;
		add(pattern, '\b', '\b');
		return;
	}
	first = last = take_character(pattern);
	if (pattern->at[0] == '-' && pattern->at[1] != ']' && pattern->at[1] != '\0') {
		pattern->at++;
		if (pattern->at[0] == '\\' && pattern->at[1] && strchr("dDwWsS", pattern->at[1])) {
			(void)failed(pattern, "a range to a class");
			return;
		}
		last = take_character(pattern);
	}
	if (last < first)
		(void)failed(pattern, "a range ends before it begins");
	add(pattern, first, last);
}

static struct part take_set(struct pattern *pattern)
{
	bool inverted = take(pattern, '^');

	pattern->set.n = 0;
	while (is_well(pattern) && !take(pattern, ']')) {
		if (*pattern->at == '\0')
			return failed(pattern, "a [ without its ]");
		take_range(pattern);
	}
	if (inverted)
		(void)schema_is_well(pattern->reader, code_set_invert(&pattern->set));
	return character(pattern);
}

/* All but the ends of lines. */
static struct part take_dot(struct pattern *pattern)
{
	pattern->set.n = 0;
	add(pattern, '\n', '\n');
	add(pattern, '\r', '\r');
	add(pattern, 0x2028, 0x2029);
	(void)schema_is_well(pattern->reader, code_set_invert(&pattern->set));
	return character(pattern);
}

/* ---- what characters make ---- */

static struct part take_choice(struct pattern *pattern);

static struct part take_group(struct pattern *pattern)
{
	struct part part;

	if (++pattern->depth > GROUPS_MAX)
		return failed(pattern, "groups are nested too deeply");
	if (take(pattern, '?') && !take(pattern, ':')) {
		const char *end = strchr(pattern->at, '>');

		if (pattern->at[0] != '<' || pattern->at[1] == '=' || pattern->at[1] == '!' || !end)
			return failed(pattern, "looking around cannot be enforced");
		pattern->at = end + 1;
	}
	part = take_choice(pattern);
	if (is_well(pattern) && !take(pattern, ')'))
		return failed(pattern, "a ( without its )");
	pattern->depth--;
	return part;
}

static struct part take_atom(struct pattern *pattern)
{
	char c = *pattern->at;

	if (take(pattern, '('))
		return take_group(pattern);
	if (take(pattern, '['))
		return take_set(pattern);
	if (take(pattern, '.'))
		return take_dot(pattern);
	if (strchr("^$", c))
		return failed(pattern, "^ and $ can be enforced at the beginning and end only");
	if (strchr("*+?{", c))
		return failed(pattern, "a repetition of nothing");
	pattern->set.n = 0;
	if (c == '\\' && pattern->at[1] && add_class(pattern, pattern->at[1])) {
		pattern->at += 2;
	} else {
		uint32_t code = take_character(pattern);

		add(pattern, code, code);
	}
	return character(pattern);
}

static uint32_t take_number(struct pattern *pattern)
{
	uint32_t number = 0;

	if (*pattern->at < '0' || *pattern->at > '9')
		(void)failed(pattern, "a { without a number");
	while (*pattern->at >= '0' && *pattern->at <= '9' && number <= DRAFT_REPEAT_MAX)
		number = number * 10 + (uint32_t)(*pattern->at++ - '0');
	return number;
}

/* Whether a repetition follows, and which. */
static bool take_counts(struct pattern *pattern, uint32_t *least, uint32_t *most)
{
	*least = 0;
	*most = REPEAT_MANY;
	if (take(pattern, '+')) {
		*least = 1;
	} else if (take(pattern, '?')) {
		*most = 1;
	} else if (take(pattern, '{')) {
		*least = *most = take_number(pattern);
		if (take(pattern, ','))
			*most = *pattern->at == '}' ? REPEAT_MANY : take_number(pattern);
		if (!take(pattern, '}') || *most < *least)
			(void)failed(pattern, "a { that makes no sense");
	} else if (!take(pattern, '*')) {
		return false;
	}
	/* Taking little or much first gives the same texts. */
	(void)take(pattern, '?');
	return true;
}

static struct part take_repetition(struct pattern *pattern)
{
	struct part part = take_atom(pattern);
	bool is_single = part.least == 1 && part.most == 1;
	uint32_t least, most;

	if (!is_well(pattern) || !take_counts(pattern, &least, &most))
		return part;
	part.expr = draft_repeat(&pattern->reader->draft, part.expr, least, most);
	part.least = times(part.least, least);
	part.most = times(part.most, most);
	part.is_loop = is_single;
	return part;
}

static bool ends_alternative(const struct pattern *pattern)
{
	const char *at = pattern->at;

	return *at == '\0' || *at == '|' || *at == ')' ||
	       (*at == '$' && pattern->depth == 0 && (at[1] == '\0' || at[1] == '|'));
}

/*
 * A row of parts. Where exactly one of them has no fixed length and is a LOOP of single characters,
 * *RET_LOOP is it: then the whole can be given other bounds.
 */
static struct part take_row(struct pattern *pattern, struct part *ret_loop)
{
	struct grammar_draft *draft = &pattern->reader->draft;
	struct part row = {.expr = draft_sequence(draft)};
	unsigned n_open = 0;

	while (is_well(pattern) && !ends_alternative(pattern)) {
		struct part part = take_repetition(pattern);

		draft_append(draft, row.expr, part.expr);
		row.least = plus(row.least, part.least);
		row.most = plus(row.most, part.most);
		if (part.least == part.most)
			continue;
		n_open++;
		*ret_loop = part;
	}
	if (n_open != 1)
		ret_loop->is_loop = false;
	return row;
}

static struct part take_choice(struct pattern *pattern)
{
	struct grammar_draft *draft = &pattern->reader->draft;
	struct part choice = {.expr = draft_choice(draft), .least = REPEAT_MANY};

	do {
		struct part loop = {0}, row = take_row(pattern, &loop);

		draft_append(draft, choice.expr, row.expr);
		choice.least = MIN(choice.least, row.least);
		choice.most = MAX(choice.most, row.most);
	} while (is_well(pattern) && take(pattern, '|'));
	return choice;
}

/* ---- the whole ---- */

static uint32_t any_characters(struct pattern *pattern)
{
	return draft_repeat(&pattern->reader->draft,
			    schema_shared(pattern->reader, SCHEMA_CHARACTER), 0, REPEAT_MANY);
}

/* Makes the row, of which LOOP is the only open part, LEAST to MOST characters long. */
static void set_bounds(struct pattern *pattern, const struct part *row, const struct part *loop,
		       uint64_t least, uint64_t most)
{
	uint64_t fixed = row->least - loop->least;
	struct expr *expr = &pattern->reader->draft.exprs[loop->expr];
	uint64_t low = least > fixed ? MAX(least - fixed, loop->least) : loop->least;
	uint64_t high = most == REPEAT_MANY ? loop->most
			: most < fixed	    ? 0
					    : MIN(most - fixed, loop->most);

	if (low > high) {
		(void)failed(pattern, "minLength and maxLength leave nothing of it");
		return;
	}
	expr->a = (uint32_t)low;
	expr->b = (uint32_t)high;
}

static struct part take_alternative(struct pattern *pattern, uint64_t least, uint64_t most)
{
	struct grammar_draft *draft = &pattern->reader->draft;
	bool from_start = take(pattern, '^'), to_end;
	uint32_t whole = draft_sequence(draft),
		 before = from_start ? EXPR_NONE : any_characters(pattern);
	struct part loop = {0}, row = take_row(pattern, &loop);

	to_end = take(pattern, '$');
	if (!from_start)
		draft_append(draft, whole, before);
	draft_append(draft, whole, row.expr);
	if (!to_end)
		draft_append(draft, whole, any_characters(pattern));
	if (!is_well(pattern))
		return row;
	if (!from_start || !to_end) {
		loop.is_loop = false;
		row.most = REPEAT_MANY;
	}
	if (row.least >= least && (row.most <= most || most == REPEAT_MANY))
		return (struct part){whole, row.least, row.most, false};
	if (!loop.is_loop)
		return failed(pattern, "minLength and maxLength beside it cannot be enforced");
	set_bounds(pattern, &row, &loop, least, most);
	return (struct part){whole, least, most, false};
}

uint32_t schema_pattern(struct schema_reader *reader, const char *text, uint32_t least,
			uint32_t most)
{
	struct pattern pattern = {.reader = reader, .text = text, .at = text};
	uint32_t choice = draft_choice(&reader->draft);

	do {
		struct part part = take_alternative(&pattern, least, most);

		draft_append(&reader->draft, choice, part.expr);
	} while (is_well(&pattern) && take(&pattern, '|'));
	if (is_well(&pattern) && *pattern.at != '\0')
		(void)failed(&pattern, "a ) without its (");
	code_set_finish(&pattern.set);
	return choice;
}
