// SPDX-License-Identifier: MIT
/* The tokenizers on vocabularies small enough to be worked out by hand, and every refusal. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>

#include "cleanup.h"
#include "detokenizer.h"
#include "failing_malloc.h"
#include "made_vocabulary.h"

DEFINE_CLEANUP(struct tokenizer, tokenizer_destroy)
DEFINE_CLEANUP(struct detokenizer, detokenizer_destroy)

/* ---- BPE ---- */

static void bpe_merges_lowest_rank_then_leftmost(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t bc, ab, aa, abc;

	(void)state;
	bc = made_add_merge(made, "b c", "bc");
	ab = made_add_merge(made, "a b", "ab");
	aa = made_add_merge(made, "a a", "aa");
	abc = made_add_merge(made, "ab c", "abc");
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "", PLAIN);
	gives(tokenizer, "abc", PLAIN, 'a', bc);
	gives(tokenizer, "abab", PLAIN, ab, ab);
	gives(tokenizer, "aaaaa", PLAIN, aa, aa, 'a');
	gives(tokenizer, "a b", PLAIN, 'a', ' ', 'b');
	assert_int_equal(tokenizer_find(tokenizer, "abc", 3), abc);
	assert_int_equal(tokenizer_find(tokenizer, "abd", 3), -ENOENT);
	assert_int_equal(tokenizer_find(tokenizer, "", 0), -ENOENT);
	assert_int_equal(tokenizer_find(tokenizer, "a", SIZE_MAX), -ENOENT);
}

static void bpe_ignores_merges_for_whole_words(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("llama-bpe");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t bc, word;

	(void)state;
	bc = made_add_merge(made, "b c", "bc");
	word = made_add(made, "abc", TOKEN_TYPE_NORMAL);
	made->params.roles[TOKEN_BOS] = 7;
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "abc", PLAIN, word);
	gives(tokenizer, "abcd", ADD, 7, 'a', bc, 'd');
	assert_true(tokenizer_adds_bos(tokenizer));
	assert_false(tokenizer_adds_eos(tokenizer));
}

static void bpe_takes_merges_as_they_come(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t ab;

	(void)state;
	ab = made_add_merge(made, "a b", "ab");
	made->merges[made->params.n_merges++] = SPAN("ab");  /* no blank */
	made->merges[made->params.n_merges++] = SPAN("");    /* nothing */
	made->merges[made->params.n_merges++] = SPAN("a b"); /* again */
	made->merges[made->params.n_merges++] = SPAN("c d"); /* gives no token */
	made->tokens['x'] = SPAN("unusual");		     /* no token for x */
	made->params.types = NULL;
	made->params.scores = NULL;
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "abcdx", PLAIN, ab, 'c', 'd');
}

static void bpe_long_words_take_no_longer(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	_cleanup_free_ char *text = malloc(1 << 20);
	struct encode_options options = {0};
	struct token_list list = {0};

	(void)state;
	(void)made_add_merge(made, "a a", "aa");
	(void)made_add_merge(made, "aa aa", "aaaa");
	tokenizer = made_tokenizer(made);
	memset(text, 'a', 1 << 20);
	assert_int_equal(tokenizer_encode(tokenizer, text, 1 << 20, &options, &list), 0);
	assert_int_equal(list.n, 1 << 18);
	token_list_finish(&list);
}

static void bpe_refuses(void **state)
{
	struct made *made = made_bpe("nonsense");

	(void)state;
	made_refuses(made, ENOTSUP, "pre-tokenizer 'nonsense' is not supported");
	free(made);
	made = made_bpe("gpt-2");
	made->params.merges = NULL;
	made_refuses(made, EBADMSG, "no list of merges");
	made->params.merges = made->merges;
	made->params.n_merges = UINT64_MAX;
	made_refuses(made, EBADMSG, "18446744073709551615 merges");
	free(made);
}

static void bpe_without_a_pre_tokenizer_warns(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	struct kept_log kept;

	(void)state;
	kept_log_init(&kept);
	assert_int_equal(tokenizer_create(&made->params, &kept.log, &tokenizer), 0);
	assert_int_equal(kept.n, 1);
	assert_non_null(strstr(kept.text, "using 'default'"));
}

/* ---- SPM ---- */

#define BLANK "\u2581"

static void spm_prefixes_and_escapes_blanks(void **state)
{
	_cleanup_free_ struct made *made = made_spm();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t blank = made_add(made, BLANK, TOKEN_TYPE_NORMAL),
		h = made_add(made, "h", TOKEN_TYPE_NORMAL);
	int32_t bh = made_add(made, BLANK "h", TOKEN_TYPE_NORMAL);

	(void)state;
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "", ADD, 1);
	gives(tokenizer, "h", ADD, 1, bh);
	gives(tokenizer, " h", PLAIN, blank, bh);
	gives(tokenizer, "h  h", PLAIN, bh, blank, bh);
	gives(tokenizer, "hh</s>h", SPECIAL, bh, h, 2, bh);
	assert_true(tokenizer_adds_blank(tokenizer));
	tokenizer_destroy(tokenizer);
	made->params.add_space_prefix = FLAG_NO;
	made->params.add_bos = FLAG_NO;
	made->params.add_eos = FLAG_YES;
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "h h", ADD, h, bh, 2);
}

static void spm_merges_highest_score_then_leftmost(void **state)
{
	_cleanup_free_ struct made *made = made_spm();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t a = made_add_scored(made, "a", TOKEN_TYPE_NORMAL, -1), ab, bc, aa, x, xy, yb;

	(void)state;
	(void)made_add_scored(made, "b", TOKEN_TYPE_NORMAL, -1);
	(void)made_add_scored(made, "c", TOKEN_TYPE_NORMAL, -1);
	ab = made_add_scored(made, "ab", TOKEN_TYPE_NORMAL, -2.5f);
	bc = made_add_scored(made, "bc", TOKEN_TYPE_NORMAL, -2);
	aa = made_add_scored(made, "aa", TOKEN_TYPE_NORMAL, -0.0f);
	(void)made_add_scored(made, "ca", TOKEN_TYPE_NORMAL, 0.0f);
	x = made_add_scored(made, "x", TOKEN_TYPE_NORMAL, 0);
	(void)made_add_scored(made, "y", TOKEN_TYPE_NORMAL, 0);
	xy = made_add_scored(made, "xy", TOKEN_TYPE_NORMAL, -0.0f);
	(void)made_add_scored(made, "yx", TOKEN_TYPE_NORMAL, 0.0f);
	yb = made_add_scored(made, "yb", TOKEN_TYPE_NORMAL, 2);
	(void)made_add_scored(made, "bx", TOKEN_TYPE_NORMAL, 1);
	(void)made_add_scored(made, "caa", TOKEN_TYPE_NORMAL, -INFINITY);
	made->params.add_space_prefix = FLAG_NO;
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "abc", PLAIN, a, bc);
	gives(tokenizer, "ab", PLAIN, ab);
	gives(tokenizer, "aaa", PLAIN, aa, a);
	gives(tokenizer, "aaca", PLAIN, aa, tokenizer_find(tokenizer, "ca", 2));
	gives(tokenizer, "caa", PLAIN, tokenizer_find(tokenizer, "caa", 3));
	gives(tokenizer, "xyx", PLAIN, xy, x); /* -0 is 0 */
	gives(tokenizer, "ybx", PLAIN, yb, x);
}

static void spm_falls_back_to_bytes(void **state)
{
	_cleanup_free_ struct made *made = made_spm();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t a = made_add(made, "a", TOKEN_TYPE_NORMAL);

	(void)state;
	made->params.add_space_prefix = FLAG_NO;
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "a\u00e9", PLAIN, a, SPM_BYTE + 0xc3, SPM_BYTE + 0xa9);
	gives(tokenizer,
	      "\xe2\x96"
	      "a",
	      PLAIN, SPM_BYTE + 0xe2, SPM_BYTE + 0x96, SPM_BYTE + 'a');
	gives(tokenizer,
	      "\x80"
	      "a",
	      PLAIN, SPM_BYTE + 0x80, a);
	made_gives(tokenizer, "a\0a", 3, PLAIN, (int32_t[]){a, SPM_BYTE, a, TOKEN_NONE});
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_UNK), 0);
}

static void spm_without_bytes_knows_the_unknown(void **state)
{
	_cleanup_free_ struct made *made = made_begin("llama");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;

	(void)state;
	(void)made_add(made, "a", TOKEN_TYPE_NORMAL);
	(void)made_add(made, "<s>", TOKEN_TYPE_CONTROL);
	made->params.add_space_prefix = FLAG_NO;
	tokenizer =
		made_tokenizer(made); /* token 0 is the unknown one where the file does not say */
	gives(tokenizer, "ax", ADD, 1, 0, 0);
	tokenizer_destroy(tokenizer);
	made->params.roles[TOKEN_UNK] = 1;
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "ax", PLAIN, 0, 1);
}

static void spm_refuses(void **state)
{
	_cleanup_free_ struct made *made = made_spm();

	(void)state;
	(void)made_add_scored(made, "a", TOKEN_TYPE_NORMAL, NAN);
	made_refuses(made, EBADMSG, "the model: the score of token 259 is not a number");
	made->scores[259] = 0;
	made->params.add_bos = FLAG_YES;
	made->params.n_tokens = 1;
	made_refuses(made, EBADMSG, "BOS");
	made->params.add_bos = FLAG_NO;
	made->params.add_eos = FLAG_YES;
	made_refuses(made, EBADMSG, "EOS");
}

/* ---- refusals ---- */

static void refuses_other_kinds(void **state)
{
	_cleanup_free_ struct made *made = made_begin("t5");

	(void)state;
	made_refuses(made, ENOTSUP, "tokenizer 't5' is not supported");
	made->params.model = SPAN("rwkv");
	made_refuses(made, ENOTSUP, "tokenizer 'rwkv' is not supported");
	made->params.model = SPAN("");
	made_refuses(made, ENOTSUP, "tokenizer '' is not supported");
}

static void refuses_texts_with_two_numbers(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");

	(void)state;
	(void)made_add(made, "a", TOKEN_TYPE_NORMAL);
	made_refuses(made, EBADMSG, "'a' is in the vocabulary twice, as tokens 97 and 256");
}

static void refuses_impossible_sizes(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");

	(void)state;
	made->params.n_tokens = 0;
	made_refuses(made, EBADMSG, "has 0 tokens");
	made->params.n_tokens = UINT64_MAX;
	made_refuses(made, EBADMSG, "18446744073709551615 tokens");
	made->params.n_tokens = 256;
	made->tokens[3].size = UINT32_MAX;
	made_refuses(made, EBADMSG, "token 3 has 4294967295 bytes");
}

static void refuses_bytes_that_are_none(void **state)
{
	static const char *const texts[] = {"<0x4",   "<0xZZ>", "<0x4g>",
					    "<1x41>", "<0x41 ", "abcdef7"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_free_ struct made *made = made_bpe("gpt-2");

		(void)made_add(made, texts[i], TOKEN_TYPE_BYTE);
		made_refuses(made, EBADMSG, "not <0xXX>");
	}
}

static void empty_tokens_fill_gaps(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	char piece[8];

	(void)state;
	(void)made_add(made, "", TOKEN_TYPE_NORMAL);
	(void)made_add(made, "", TOKEN_TYPE_CONTROL);
	(void)made_add(made, "", TOKEN_TYPE_BYTE);
	tokenizer = made_tokenizer(made);
	assert_int_equal(tokenizer_n_tokens(tokenizer), 259);
	gives(tokenizer, "ab", SPECIAL, 'a', 'b');
	for (int32_t i = 256; i < 259; i++)
		assert_int_equal(tokenizer_piece(tokenizer, i, true, piece), 0);
}

static void refuses_texts_beyond_the_limit(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = made_tokenizer(made);
	struct encode_options options = {0};
	struct token_list list = {0};

	(void)state;
	assert_int_equal(tokenizer_encode(tokenizer, "", (size_t)TOKENIZER_TEXT_MAX + 1, &options,
					  &list),
			 -E2BIG);
	assert_int_equal(list.n, 0);
}

/* ---- threads and memory ---- */

struct worker {
	const struct tokenizer *tokenizer;
	unsigned wrong;
};

static void *encode_often(void *data)
{
	static const struct encode_options options = {.parse_special = true};
	struct worker *worker = data;

	for (unsigned i = 0; i < 200; i++) {
		struct token_list list = {0};

		if (tokenizer_encode(worker->tokenizer, "abab <s>12 x", 12, &options, &list) < 0 ||
		    list.n != 8)
			worker->wrong++;
		token_list_finish(&list);
	}
	return NULL;
}

static void threads_share_a_tokenizer(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("smollm");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	struct worker workers[3] = {0};
	pthread_t threads[ARRAY_SIZE(workers)];

	(void)state;
	(void)made_add_merge(made, "a b", "ab");
	(void)made_add(made, "<s>", TOKEN_TYPE_CONTROL);
	tokenizer = made_tokenizer(made);
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i].tokenizer = tokenizer;
		assert_int_equal(pthread_create(&threads[i], NULL, encode_often, &workers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(workers[i].wrong, 0);
	}
}

/* Creates, encodes and decodes; 0 or what failed. */
static int use_once(struct made *made, const struct log *log)
{
	static const struct encode_options options = {.add_special = true, .parse_special = true};
	static const struct detokenizer_options show = {0};
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	_cleanup_(detokenizer_destroy_p) struct detokenizer *detokenizer = NULL;
	_cleanup_(token_list_finish) struct token_list list = {0};
	int r;

	r = tokenizer_create(&made->params, log, &tokenizer);
	if (r < 0)
		return r;
	r = tokenizer_encode(tokenizer, "ab\xff <s>\U00031350 abab", 17, &options, &list);
	if (r < 0) {
		assert_int_equal(list.n, 0);
		return r;
	}
	return detokenizer_create(tokenizer, &show, &detokenizer);
}

static struct made *make_any(int kind)
{
	static const char *const names[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "\u2581s"};
	struct made *made;

	if (kind == 0) {
		made = made_bpe("smollm");
		(void)made_add_merge(made, "a b", "ab");
		(void)made_add(made, "<s>", TOKEN_TYPE_CONTROL);
		return made;
	}
	if (kind == 1)
		return made_spm();
	made = made_begin("bert");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)made_add(made, names[i], i < 4 ? TOKEN_TYPE_CONTROL : TOKEN_TYPE_NORMAL);
	made->params.roles[TOKEN_UNK] = 1;
	made->params.roles[TOKEN_BOS] = 2;
	made->params.roles[TOKEN_SEP] = 3;
	return made;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		_cleanup_free_ struct made *made = make_any(kind);
		long n = 0;
		int r = -ENOMEM;

		for (; r == -ENOMEM; n++) {
			struct kept_log kept;

			kept_log_init(&kept);
			allocations_left = n;
			r = use_once(made, &kept.log);
			allocations_left = -1;
			assert_true(kept.n <= 1);
		}
		assert_int_equal(r, 0);
		assert_true(n > 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bpe_merges_lowest_rank_then_leftmost),
		cmocka_unit_test(bpe_ignores_merges_for_whole_words),
		cmocka_unit_test(bpe_takes_merges_as_they_come),
		cmocka_unit_test(bpe_long_words_take_no_longer),
		cmocka_unit_test(bpe_refuses),
		cmocka_unit_test(bpe_without_a_pre_tokenizer_warns),
		cmocka_unit_test(spm_prefixes_and_escapes_blanks),
		cmocka_unit_test(spm_merges_highest_score_then_leftmost),
		cmocka_unit_test(spm_falls_back_to_bytes),
		cmocka_unit_test(spm_without_bytes_knows_the_unknown),
		cmocka_unit_test(spm_refuses),
		cmocka_unit_test(refuses_other_kinds),
		cmocka_unit_test(refuses_texts_with_two_numbers),
		cmocka_unit_test(refuses_impossible_sizes),
		cmocka_unit_test(refuses_bytes_that_are_none),
		cmocka_unit_test(empty_tokens_fill_gaps),
		cmocka_unit_test(refuses_texts_beyond_the_limit),
		cmocka_unit_test(threads_share_a_tokenizer),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
