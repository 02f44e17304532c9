// SPDX-License-Identifier: MIT
/* Grammars in GBNF: what they match, what is refused, that they neither explode nor run dry. */
#include <errno.h>
#include <stdio.h>

#include "array.h"
#include "check.h"
#include "cleanup.h"
#include "failing_malloc.h"
#include "grammar_text.h"
#include "matcher.h"

static struct grammar *grammar_of(const char *text)
{
	struct grammar *grammar = NULL;
	struct kept_log kept;

	kept_log_init(&kept);
	if (grammar_from_text(text, strlen(text), &kept.log, &grammar) < 0)
		fail_msg("%s: %s", text, kept.text);
	return grammar;
}

/* 2: all of TEXT and it may end there; 1: it may go on; 0: it may not. */
static int match(const struct grammar *grammar, const char *text)
{
	struct matcher *matcher;
	uint32_t place;
	int r = 1;

	assert_int_equal(matcher_create(grammar, &matcher), 0);
	place = matcher_start(matcher);
	for (; *text && r == 1; text++) {
		r = matcher_step(matcher, place, (uint8_t)*text, &place);
		assert_true(r >= 0);
		assert_int_equal(matcher_trim(matcher, &place), 0);
	}
	if (r == 1 && matcher_may_end(matcher, place))
		r = 2;
	matcher_destroy(matcher);
	return r;
}

struct match_case {
	const char *grammar;
	const char *whole[6];
	const char *begun[6];
	const char *wrong[6];
};

static const struct match_case match_cases[] = {
	{"root ::= \"yes\" | \"no\"", {"yes", "no"}, {"", "y", "ye"}, {"x", "yesn", "yo"}},
	{"root ::= [a-c]+ \"-\"? [^a-c]",
	 {"a-x", "cabx", "a\xc3\xa9"},
	 {"", "a", "ab"},
	 {"x", "a-a"}},
	{"root ::= a b? # one\n\n# two\na ::= (\"x\" |\n \"y\")\nb ::= \"z\" |\n\"w\"",
	 {"x", "y", "xz", "yw"},
	 {""},
	 {"z", "xx"}},
	{"root ::= [0-9]{2,3} (\"a\" \"b\"){2} \".\"{0,1} \"c\"{1,}",
	 {"12ababc", "123abab.ccc"},
	 {"1", "12aba", "12abab"},
	 {"1a", "1234", "12abc", "12ababab"}},
	{"root ::= \"\\x41\\u00e9\\U0001F600\\n\\t\\\\\\\"\\[\\]\"",
	 {"A\xc3\xa9\xf0\x9f\x98\x80\n\t\\\"[]"},
	 {"A\xc3", "A\xc3\xa9\xf0\x9f"},
	 {"A\xc4"}},
	{"root ::= . .",
	 {"ab", "\xc3\xa9\xf0\x9f\x98\x80"},
	 {"a", "a\xe2\x82"},
	 {"abc", "\xff", "\xed\xa0"}},
	{"root ::= [\\u0100-\\uffff]",
	 {"\xc4\x80", "\xe2\x82\xac", "\xef\xbf\xbf"},
	 {"\xed"},
	 {"a", "\xc3", "\xf0"}},
	{"root ::= [\\]\\-a^-]", {"]", "-", "a", "^"}, {""}, {"b", "\\"}},
	{"root ::= \"(\" root \")\" | \"x\"",
	 {"x", "(x)", "((((x))))"},
	 {"(", "((x)"},
	 {")", "(x))"}},
	/* Right recursion takes no stack; what repeats nothing is harmless. */
	{"root ::= \"a\" root | \"\"", {"", "a", "aaaaaaaa"}, {NULL}, {"b"}},
	{"root ::= (\"a\"* \"b\"?)* \"c\"", {"c", "abaabc", "bbbc"}, {"", "ab"}, {"cc"}},
	{"root ::= (\"\"){3} x{0} \"c\"\nx ::= \"y\"", {"c"}, {""}, {"y", "a"}},
	/* Rules that cannot end are not begun. */
	{"root ::= \"a\" | \"ab\" never\nnever ::= \"x\" never", {"a"}, {""}, {"ab"}},
	{"root ::= \"a\" []? \"b\"", {"ab"}, {"a"}, {"b"}},
	/* Palindromes: as many ways as places, and all of them are followed at once. */
	{"root ::= \"a\" root \"a\" | \"a\" root \"b\" | \"a\"",
	 {"a", "aaa", "aab", "aaaaaab", "aaaabbb"},
	 {"", "aaaa"},
	 {"b", "aabbb"}},
};

static void grammars_match_what_they_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(match_cases); i++) {
		const struct match_case *c = &match_cases[i];
		struct grammar *grammar = grammar_of(c->grammar);

		for (size_t k = 0; k < 6; k++) {
			if (c->whole[k] && match(grammar, c->whole[k]) != 2)
				fail_msg("%s: '%s' should be whole", c->grammar, c->whole[k]);
			if (c->begun[k] && match(grammar, c->begun[k]) != 1)
				fail_msg("%s: '%s' should be begun", c->grammar, c->begun[k]);
			if (c->wrong[k] && match(grammar, c->wrong[k]) != 0)
				fail_msg("%s: '%s' should be wrong", c->grammar, c->wrong[k]);
		}
		grammar_destroy(grammar);
	}
}

static const struct {
	const char *grammar;
	int error;
	const char *says;
} refused[] = {
	{"", EINVAL, "does not define the rule 'root'"},
	{"other ::= \"a\"", EINVAL, "'root'"},
	{"root ::= other", EINVAL, "uses the rule 'other' and does not define it"},
	{"root ::= \"a\"\nroot ::= \"b\"", EINVAL, "line 2: 'root' is defined twice"},
	{"root = \"a\"", EINVAL, "expected ::="},
	{"root ::= \"a\"\n\n* ::= \"a\"", EINVAL, "line 3: expected the name"},
	{"root ::= \"a", EINVAL, "closing \""},
	{"root ::= [a", EINVAL, "closing ]"},
	{"root ::= [z-a]", EINVAL, "a range ends"},
	{"root ::= (\"a\"", EINVAL, "closing )"},
	{"root ::= \"a\")", EINVAL, "closes nothing"},
	{"root ::= \"\\q\"", EINVAL, "escape"},
	{"root ::= \"\\x4\"", EINVAL, "hexadecimal"},
	{"root ::= \"\\ud800\"", EINVAL, "no character"},
	{"root ::= \"\xff\"", EINVAL, "UTF-8"},
	{"root ::= \"a\"{3,2}", EINVAL, "a repetition ends"},
	{"root ::= \"a\"{}", EINVAL, "expected a number"},
	{"root ::= \"a\"{1", EINVAL, "closing }"},
	{"root ::= \"a\"***", EINVAL, "more than two"},
	{"root ::= \"a\"{10001}", E2BIG, "at most 10000"},
	{"root ::= ((\"ab\"{9000}){9000}){9000}", E2BIG, "too large"},
	{"root ::= (([]{10000}){10000}){10000}", E2BIG, "too large"},
	{"root ::= root \"a\" | \"b\"", EINVAL, "'root' calls itself"},
	{"root ::= a\na ::= b? c \"x\"\nb ::= \"b\"\nc ::= a | \"y\"", EINVAL, "left recursive"},
	{"root ::= \"a\" root", EINVAL, "no text of finite length"},
	{"root ::= []", EINVAL, "no text of finite length"},
};

static void what_cannot_be_read_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct grammar *grammar = NULL;
		struct kept_log kept;
		int r;

		kept_log_init(&kept);
		r = grammar_from_text(refused[i].grammar, strlen(refused[i].grammar), &kept.log,
				      &grammar);
		if (r != -refused[i].error || !strstr(kept.text, refused[i].says) || kept.n != 1)
			fail_msg("%s: %d, '%s'", refused[i].grammar, r, kept.text);
		assert_null(grammar);
	}
}

static void deep_groups_are_refused(void **state)
{
	char text[2048] = "root ::= ";
	struct grammar *grammar;

	(void)state;
	memset(text + strlen(text), '(', 1000);
	assert_int_equal(grammar_from_text(text, strlen(text), NULL, &grammar), -EINVAL);
	assert_int_equal(grammar_from_text(text, GRAMMAR_TEXT_MAX + 1, NULL, &grammar), -E2BIG);
}

/* Each place on the way down can still be completed, and deeper than the limit is no way. */
static void nesting_ends_at_the_limit(void **state)
{
	struct grammar *grammar = grammar_of("root ::= \"(\" root \")\" | \"x\"");
	struct matcher *matcher;
	uint32_t place, depth = 0;

	(void)state;
	assert_int_equal(matcher_create(grammar, &matcher), 0);
	place = matcher_start(matcher);
	while (matcher_step(matcher, place, '(', &place) == 1)
		depth++;
	assert_int_equal(depth, GRAMMAR_NESTING_MAX);
	assert_int_equal(matcher_step(matcher, place, 'x', &place), 1);
	while (depth-- > 0)
		assert_int_equal(matcher_step(matcher, place, ')', &place), 1);
	assert_true(matcher_must_end(matcher, place));
	matcher_destroy(matcher);
	grammar_destroy(grammar);
}

/* Also where what may follow by the grammar's letter could never end. */
static void an_end_that_must_be_is_known(void **state)
{
	struct grammar *grammar =
		grammar_of("root ::= | \"[\" never \"x\"?\nnever ::= \"a\" never");
	struct matcher *matcher;

	(void)state;
	assert_int_equal(matcher_create(grammar, &matcher), 0);
	assert_true(matcher_must_end(matcher, matcher_start(matcher)));
	assert_true(matcher_may_end(matcher, matcher_start(matcher)));
	matcher_destroy(matcher);
	grammar_destroy(grammar);
}

/* Long texts in grammars that can be read in very many ways take bounded memory. */
static void ambiguity_is_cheap(void **state)
{
	static const char *const texts[] = {
		"root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"x\"",
		"root ::= s*\ns ::= \"a\" | \"a\" s | \"a\" s \"b\" | \"aa\"",
		"root ::= (a | b | a b)*\na ::= \"a\"* \"a\"\nb ::= \"a\" b \"a\" | \"a\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct grammar *grammar = grammar_of(texts[i]);
		struct matcher *matcher;
		uint32_t place;

		assert_int_equal(matcher_create(grammar, &matcher), 0);
		place = matcher_start(matcher);
		for (unsigned k = 0; k < 900; k++) {
			assert_int_equal(matcher_step(matcher, place, 'a', &place), 1);
			assert_int_equal(matcher_trim(matcher, &place), 0);
		}
		matcher_destroy(matcher);
		grammar_destroy(grammar);
	}
}

/* Also when all memory but the place has been forgotten many times. */
static void trimming_keeps_the_place(void **state)
{
	struct grammar *grammar =
		grammar_of("root ::= [ab]{10000} c\nc ::= \"(\" c \")\" | [xy]{10}");
	struct matcher *matcher;
	uint32_t place;

	(void)state;
	assert_int_equal(matcher_create(grammar, &matcher), 0);
	place = matcher_start(matcher);
	for (unsigned round = 0; round < 40; round++) {
		place = matcher_start(matcher);
		for (unsigned k = 0; k < 10000; k++) {
			assert_int_equal(matcher_step(matcher, place, 'a', &place), 1);
			assert_int_equal(matcher_trim(matcher, &place), 0);
		}
		assert_int_equal(matcher_step(matcher, place, 'a', &place), 0);
		assert_int_equal(matcher_step(matcher, place, '(', &place), 1);
	}
	matcher_destroy(matcher);
	grammar_destroy(grammar);
}

static const char *const memory_text =
	"root ::= (\"a\" [^b-d\\u0100-\\uffff]{2,4} | root2)* \"x\"\nroot2 ::= \"(\" root2 \")\" | \"y\"";

static int match_with_little_memory(const struct grammar *grammar)
{
	struct matcher *matcher;
	uint32_t place;
	int r = matcher_create(grammar, &matcher);

	if (r < 0)
		return r;
	place = matcher_start(matcher);
	r = 1;
	for (const char *c = "a\xf0\x9f\x98\x80zz((y))x"; *c && r == 1; c++)
		r = matcher_step(matcher, place, (uint8_t)*c, &place);
	matcher_destroy(matcher);
	return r;
}

static void failing_allocations_are_reported(void **state)
{
	struct grammar *grammar = NULL;
	long n = 0;
	int r;

	(void)state;
	do {
		allocations_left = n++;
		r = grammar_from_text(memory_text, strlen(memory_text), NULL, &grammar);
		allocations_left = -1;
		assert_true(r == 0 || r == -ENOMEM);
	} while (r < 0);
	assert_true(n > 10);
	n = 0;
	do {
		allocations_left = n++;
		r = match_with_little_memory(grammar);
		allocations_left = -1;
		assert_true(r == 1 || r == -ENOMEM);
	} while (r < 0);
	assert_true(n > 10);
	grammar_destroy(grammar);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(grammars_match_what_they_say),
		cmocka_unit_test(what_cannot_be_read_is_refused),
		cmocka_unit_test(deep_groups_are_refused),
		cmocka_unit_test(nesting_ends_at_the_limit),
		cmocka_unit_test(an_end_that_must_be_is_known),
		cmocka_unit_test(ambiguity_is_cheap),
		cmocka_unit_test(trimming_keeps_the_place),
		cmocka_unit_test(failing_allocations_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
