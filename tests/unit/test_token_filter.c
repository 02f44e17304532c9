// SPDX-License-Identifier: MIT
/* Which tokens a grammar allows, held against spelling each of them out. */
#include <errno.h>
#include <stdio.h>

#include "array.h"
#include "check.h"
#include "cleanup.h"
#include "gguf_maker.h"
#include "grammar_text.h"
#include "matcher.h"
#include "token_filter.h"

#define KEY(name) "tokenizer.ggml." name
#define BLANK	  "\xe2\x96\x81" /* U+2581 */

enum { N_MANY = 9000 };

struct words {
	struct gguf_maker maker;
	uint8_t *bytes;
	struct gguf *gguf;
	struct vocabulary *vocabulary;
};

static void words_finish(struct words *words)
{
	vocabulary_destroy(words->vocabulary);
	gguf_close(words->gguf);
	free(words->bytes);
	gguf_maker_finish(&words->maker);
}

static void words_init(struct words *words, const char *const *tokens, const int32_t *types,
		       size_t n, bool add_blank)
{
	struct kept_log kept;
	size_t size;

	*words = (struct words){0};
	kept_log_init(&kept);
	gguf_maker_init(&words->maker);
	gguf_maker_string(&words->maker, KEY("model"), "llama");
	gguf_maker_strings(&words->maker, KEY("tokens"), tokens, n);
	gguf_maker_array(&words->maker, KEY("token_type"), GGUF_I32, types, n, sizeof(*types));
	gguf_maker_bool(&words->maker, KEY("add_bos_token"), 0);
	gguf_maker_bool(&words->maker, KEY("add_space_prefix"), add_blank);
	gguf_maker_u32(&words->maker, KEY("eos_token_id"), 1);
	gguf_maker_u32(&words->maker, KEY("unknown_token_id"), 0);
	words->bytes = gguf_maker_file(&words->maker, &size);
	assert_int_equal(gguf_parse(words->bytes, size, "test.gguf", NULL, &words->gguf), 0);
	if (vocabulary_create(words->gguf, &kept.log, &words->vocabulary) < 0)
		fail_msg("%s", kept.text);
}

static const char *const few_tokens[] = {
	"<unk>", "</s>",    "<ctl>",	     "a",      "ab",	   "abc",
	"b",	 "<0x61>",  "<0xC3>",	     "<0xA9>", "\xc3\xa9", "a\xc3\xa9",
	BLANK,	 BLANK "a", BLANK BLANK "b", "<usr>",  "",	   "c"};
static const int32_t few_types[] = {2, 3, 3, 1, 1, 1, 1, 6, 6, 6, 1, 1, 1, 1, 1, 4, 1, 1};

static struct grammar *grammar_of(const char *text)
{
	struct grammar *grammar = NULL;

	assert_int_equal(grammar_from_text(text, strlen(text), NULL, &grammar), 0);
	return grammar;
}

static struct token_filter *filter_of(const struct grammar *grammar, const struct words *words,
				      bool ignore_end)
{
	struct token_filter_params params = {grammar, words->vocabulary, ignore_end};
	struct token_filter *filter;

	assert_int_equal(token_filter_create(&params, &filter), 0);
	return filter;
}

static bool is_listed(const struct sampler_mask *mask, int32_t token)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < mask->n_tokens; i++)
		n += mask->tokens[i] == token;
	assert_true(n <= 1);
	return n == 1;
}

/* That exactly the tokens in WANTED, which -1 ends, may come. */
static void allows_only(struct token_filter *filter, const int32_t *wanted, uint32_t n_tokens)
{
	struct sampler_mask mask;

	assert_int_equal(token_filter_mask(filter, &mask), 0);
	assert_non_null(mask.tokens);
	for (uint32_t token = 0; token < n_tokens; token++) {
		bool is_wanted = false;

		for (size_t i = 0; wanted[i] >= 0; i++)
			is_wanted |= wanted[i] == (int32_t)token;
		if (is_listed(&mask, (int32_t)token) != is_wanted ||
		    mask.allows(mask.data, (int32_t)token) != is_wanted)
			fail_msg("token %u should%s be allowed", token, is_wanted ? "" : " not");
	}
}

static void tokens_are_followed_by_their_bytes(void **state)
{
	static const struct {
		const char *grammar;
		bool add_blank;
		bool ignore_end;
		int32_t before[4]; /* taken first; 0 ends */
		int32_t wanted[12];
	} cases[] = {
		{"root ::= \"ab\"", false, false, {0}, {3, 4, 7, -1}},
		{"root ::= \"ab\" \"c\"?",
		 false,
		 false,
		 {4},
		 {17, 1, -1}}, /* may end: so may </s> */
		{"root ::= \"ab\" \"c\"?", false, true, {4}, {17, -1}},
		{"root ::= \"a\xc3\xa9\"", false, false, {0}, {3, 7, 11, -1}},
		{"root ::= \"a\xc3\xa9\"", false, false, {3}, {8, 10, -1}}, /* half a character */
		{"root ::= \"a\xc3\xa9\"", false, false, {3, 8}, {9, -1}},
		{"root ::= \"<usr>\" | \"<ctl>\"", false, false, {0}, {15, -1}},
		{"root ::= \" a\" | \"  b\"", false, false, {0}, {12, 13, 14, -1}},
		{"root ::= \"a\" | \" b\" ", true, false, {0}, {3, 7, 13, 14, -1}},
		{"root ::= \"a\" \" a\"", true, false, {13}, {12, 13, -1}}, /* later it is text */
	};
	struct words words[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		words_init(&words[i], few_tokens, few_types, ARRAY_SIZE(few_tokens), i == 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct grammar *grammar = grammar_of(cases[i].grammar);
		struct token_filter *filter =
			filter_of(grammar, &words[cases[i].add_blank], cases[i].ignore_end);

		for (size_t k = 0; cases[i].before[k] > 0; k++)
			assert_int_equal(token_filter_accept(filter, cases[i].before[k]), 0);
		allows_only(filter, cases[i].wanted, ARRAY_SIZE(few_tokens));
		token_filter_destroy(filter);
		grammar_destroy(grammar);
	}
	for (int i = 0; i < 2; i++)
		words_finish(&words[i]);
}

static void an_answer_ends_where_nothing_may_follow(void **state)
{
	struct grammar *grammar = grammar_of("root ::= \"a\" \"bc\"?");
	struct words words;
	struct token_filter *filter;

	(void)state;
	words_init(&words, few_tokens, few_types, ARRAY_SIZE(few_tokens), false);
	filter = filter_of(grammar, &words, false);
	assert_false(token_filter_is_complete(filter));
	assert_int_equal(token_filter_accept(filter, 1), -EINVAL); /* </s> */
	assert_int_equal(token_filter_accept(filter, 6), -EINVAL); /* b */
	assert_int_equal(token_filter_accept(filter, 3), 0);	   /* a */
	assert_true(token_filter_is_complete(filter));
	assert_int_equal(token_filter_accept(filter, 6), 0);
	assert_false(token_filter_is_complete(filter));
	assert_int_equal(token_filter_accept(filter, 17), 1); /* c */
	assert_true(token_filter_is_complete(filter));
	token_filter_destroy(filter);

	filter = filter_of(grammar, &words, false);
	assert_int_equal(token_filter_accept(filter, 3), 0);
	assert_int_equal(token_filter_accept(filter, 1), 1);
	token_filter_destroy(filter);
	grammar_destroy(grammar);
	words_finish(&words);
}

/* ---- many tokens ---- */

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void many_words_init(struct words *words)
{
	static char texts[N_MANY][16];
	static const char *tokens[N_MANY];
	static int32_t types[N_MANY];

	for (uint32_t i = 0; i < N_MANY; i++) {
		uint32_t left = i * 40503 % 65536; /* each once */

		if (i < 3)
			(void)snprintf(texts[i], sizeof(texts[i]), "<s%u>", i);
		else if (i < 259)
			(void)snprintf(texts[i], sizeof(texts[i]), "<0x%02X>", i - 3);
		for (uint32_t k = 0; i >= 259 && (left > 0 || k == 0); k++, left /= 16)
			texts[i][k] = "abcdefgh(),.0123"[left % 16];
		tokens[i] = texts[i];
		types[i] = i == 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1;
	}
	words_init(words, tokens, types, N_MANY, false);
}

static bool is_spelled(const struct grammar *grammar, const struct words *words, const char *before,
		       int32_t token)
{
	const struct tokenizer *tokenizer = vocabulary_tokenizer(words->vocabulary);
	struct matcher *matcher;
	char text[512];
	size_t n = strlen(before);
	uint32_t place;
	int r = 1;

	memcpy(text, before, n);
	n += tokenizer_piece(tokenizer, token, false, text + n);
	assert_int_equal(matcher_create(grammar, &matcher), 0);
	place = matcher_start(matcher);
	for (size_t i = 0; i < n && r == 1; i++)
		r = matcher_step(matcher, place, (uint8_t)text[i], &place);
	if (tokenizer_is_end(tokenizer, token))
		r = matcher_may_end(matcher, place);
	else if (n == strlen(before))
		r = 0;
	matcher_destroy(matcher);
	return r;
}

/* Picks at random among what may come, and spells out every token at each step. */
static void follow_at_random(const struct grammar *grammar, const struct words *words,
			     uint32_t seed, bool *ret_listed, bool *ret_asked)
{
	const struct tokenizer *tokenizer = vocabulary_tokenizer(words->vocabulary);
	struct token_filter *filter = filter_of(grammar, words, false);
	char text[512] = "";
	int r = 0;

	for (int step = 0; step < 4 && r == 0; step++) {
		struct sampler_mask mask;
		int32_t allowed[N_MANY];
		uint32_t n = 0;

		assert_int_equal(token_filter_mask(filter, &mask), 0);
		*(mask.tokens ? ret_listed : ret_asked) = true;
		for (int32_t token = 0; token < N_MANY; token++) {
			bool may = is_spelled(grammar, words, text, token);

			assert_int_equal(mask.allows(mask.data, token), may);
			allowed[n] = token;
			n += may;
		}
		if (mask.tokens) {
			assert_int_equal(mask.n_tokens, n);
			for (uint32_t i = 0; i < n; i += 97)
				assert_true(is_listed(&mask, allowed[i]));
		}
		assert_true(n > 0);
		n = next_random(&seed) % n;
		text[strlen(text) +
		     tokenizer_piece(tokenizer, allowed[n], false, text + strlen(text))] = '\0';
		r = token_filter_accept(filter, allowed[n]);
		assert_true(r >= 0);
	}
	token_filter_destroy(filter);
}

static void lists_and_questions_agree(void **state)
{
	static const char *const grammars[] = {
		"root ::= \"(\" (word | [0-9]{1,4}) (\",\" root)* \")\"\nword ::= [a-f]+",
		"root ::= .*",
		"root ::= [^a].{2,9}",
		"root ::= ([a-h]* \".\")+ [0-3]",
	};
	bool listed = false, asked = false;
	struct words words;

	(void)state;
	many_words_init(&words);
	for (size_t i = 0; i < ARRAY_SIZE(grammars); i++) {
		struct grammar *grammar = grammar_of(grammars[i]);

		follow_at_random(grammar, &words, (uint32_t)i, &listed, &asked);
		grammar_destroy(grammar);
	}
	assert_true(listed && asked);
	words_finish(&words);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_followed_by_their_bytes),
		cmocka_unit_test(an_answer_ends_where_nothing_may_follow),
		cmocka_unit_test(lists_and_questions_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
