// SPDX-License-Identifier: MIT
/* Tokens that are matched as a whole, and what the texts of well-known ones mean. */
#include <errno.h>

#include "cleanup.h"
#include "made_vocabulary.h"

DEFINE_CLEANUP(struct tokenizer, tokenizer_destroy)

/* ---- special tokens ---- */

static void special_tokens_longest_first(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t ab = made_add(made, "<ab>", TOKEN_TYPE_CONTROL),
		two = made_add(made, "\n\n", TOKEN_TYPE_USER_DEFINED);
	int32_t three = made_add(made, "\n\n\n", TOKEN_TYPE_USER_DEFINED);
	int32_t unknown = made_add(made, "b>\n", TOKEN_TYPE_UNKNOWN),
		end = made_add(made, "d>", TOKEN_TYPE_CONTROL);

	(void)state;
	(void)made_add(made, "<cd>", TOKEN_TYPE_UNUSED);
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "<ab>\n\n\n\n\n", SPECIAL, ab, three, two);
	gives(tokenizer, "<ab><ab>x", SPECIAL, ab, ab, 'x');
	gives(tokenizer, "<ab>\n\n", PLAIN, '<', 'a', 'b', '>', two);
	gives(tokenizer, "<b>\n<cd>", SPECIAL, '<', unknown, '<', 'c', end);
	gives(tokenizer, "\n\n\n\n\n\n\n\n", PLAIN, three, three, two);
	assert_true(tokenizer_is_control(tokenizer, ab));
	assert_false(tokenizer_is_control(tokenizer, two));
}

/* A match that loses its end to a longer one gives way to a shorter one at the same place. */
static void special_tokens_give_way(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t ab = made_add(made, "AB", TOKEN_TYPE_USER_DEFINED),
		cdef = made_add(made, "CDEF", TOKEN_TYPE_USER_DEFINED);

	(void)state;
	(void)made_add(made, "ABC", TOKEN_TYPE_USER_DEFINED);
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "ABCDEF", PLAIN, ab, cdef);
	gives(tokenizer, "ABCDE", PLAIN, tokenizer_find(tokenizer, "ABC", 3), 'D', 'E');
}

static void special_tokens_strip(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t x = made_add(made, "<X>", TOKEN_TYPE_CONTROL),
		s = made_add(made, "<s>", TOKEN_TYPE_CONTROL);
	int32_t longer = made_add(made, "        ", TOKEN_TYPE_USER_DEFINED);
	int32_t user = made_add(made, "<U>", TOKEN_TYPE_USER_DEFINED);

	(void)state;
	made->params.model_name = SPAN("My Phi-3 mini");
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "a <X> \n\tb", SPECIAL, 'a', ' ', x, 'b');
	gives(tokenizer, "<X> \n", SPECIAL, x);
	gives(tokenizer, "<s> b<U> c", SPECIAL, s, ' ', 'b', user, 'c');
	tokenizer_destroy(tokenizer);
	made->params.model_name = SPAN("modern-bert");
	(void)made_add(made, "[MASK]", TOKEN_TYPE_CONTROL);
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "a \n[MASK] b", SPECIAL, 'a', user + 1, ' ', 'b');
	gives(tokenizer, "  [MASK]", SPECIAL, user + 1);
	gives(tokenizer, "\n        [MASK]", SPECIAL, '\n', longer, user + 1);
	tokenizer_destroy(tokenizer);
	made->params.pre = SPAN("jina-v2-code");
	made->tokens[user + 1] = SPAN("<mask>");
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "a <mask> b", SPECIAL, 'a', user + 1, ' ', 'b');
}

/* ---- what the texts of tokens say ---- */

static void known_texts_end_generation(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t end = made_add(made, "<|im_end|>", TOKEN_TYPE_NORMAL);
	int32_t repository = made_add(made, "<reponame>", TOKEN_TYPE_CONTROL);
	int32_t start = made_add(made, "<|im_start|>", TOKEN_TYPE_CONTROL);
	int32_t shown = made_add(made, "<|channel|>", TOKEN_TYPE_CONTROL);

	(void)state;
	made->params.roles[TOKEN_EOS] = 5;
	tokenizer = made_tokenizer(made);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_EOT), end);
	assert_true(tokenizer_is_end(tokenizer, end));
	assert_true(tokenizer_is_control(tokenizer, end)); /* though the file says it is normal */
	assert_true(tokenizer_is_end(tokenizer, repository));
	assert_true(tokenizer_is_end(tokenizer, 5));
	assert_false(tokenizer_is_end(tokenizer, start));
	assert_false(tokenizer_is_end(tokenizer, -1));
	assert_false(tokenizer_is_end(tokenizer, 100000));
	assert_false(tokenizer_is_control(tokenizer, shown));
	gives(tokenizer, "<|channel|>", PLAIN, shown);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_BOS), TOKEN_NONE);
}

/* Files call such tokens normal, and then they would not be taken as a whole. */
static void known_texts_are_control_tokens(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t prefix = made_add(made, "<PRE>", TOKEN_TYPE_NORMAL);
	int32_t other = made_add(made, "<|prefix|>", TOKEN_TYPE_NORMAL);

	(void)state;
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "<PRE>", SPECIAL, prefix);
	gives(tokenizer, "<PRE>", PLAIN, '<', 'P', 'R', 'E', '>');
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_FIM_PREFIX), prefix);
	assert_false(tokenizer_is_control(tokenizer, other)); /* one has the role */
	assert_false(tokenizer_is_end(tokenizer, prefix));
}

static void parts_of_an_answer_do_not_end_it(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t end = made_add(made, "<|end|>", TOKEN_TYPE_CONTROL),
		s = made_add(made, "</s>", TOKEN_TYPE_CONTROL);
	int32_t call = made_add(made, "<|call|>", TOKEN_TYPE_CONTROL);

	(void)state;
	tokenizer = made_tokenizer(made);
	assert_true(tokenizer_is_end(tokenizer, end));
	assert_true(tokenizer_is_end(tokenizer, s));
	tokenizer_destroy(tokenizer);
	made->tokens[call] = SPAN("<|other|>");
	(void)made_add(made, "<|return|>", TOKEN_TYPE_CONTROL);
	tokenizer = made_tokenizer(made);
	assert_true(tokenizer_is_end(tokenizer, end));
	tokenizer_destroy(tokenizer);
	made->tokens[call] = SPAN("<|call|>");
	(void)made_add(made, "<|tool_response>", TOKEN_TYPE_CONTROL);
	tokenizer = made_tokenizer(made);
	assert_false(tokenizer_is_end(tokenizer, end));
	assert_false(tokenizer_is_end(tokenizer, s));
	assert_true(tokenizer_is_end(tokenizer, call));
	gives(tokenizer, "<|end|></s>", PLAIN, end, '<', '/', 's', '>');
}

static void roles_out_of_range_are_ignored(void **state)
{
	_cleanup_free_ struct made *made = made_spm();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	struct kept_log kept;

	(void)state;
	kept_log_init(&kept);
	made->params.roles[TOKEN_EOS] = UINT32_MAX;
	made->params.roles[TOKEN_PAD] = 259;
	made->params.roles[TOKEN_BOS] = 2;
	assert_int_equal(tokenizer_create(&made->params, &kept.log, &tokenizer), 0);
	assert_int_equal(kept.n, 2);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_EOS), 2);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_PAD), TOKEN_NONE);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_BOS), 2);
}

/* Token 11 is what files without the keys meant, once; an ordinary token is not believed. */
static void bpe_defaults_need_a_control_token(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = made_tokenizer(made);

	(void)state;
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_EOS), TOKEN_NONE);
	assert_false(tokenizer_is_end(tokenizer, 11));
	tokenizer_destroy(tokenizer);
	made->types[11] = TOKEN_TYPE_CONTROL;
	tokenizer = made_tokenizer(made);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_EOS), 11);
	assert_true(tokenizer_is_end(tokenizer, 11));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(special_tokens_longest_first),
		cmocka_unit_test(special_tokens_give_way),
		cmocka_unit_test(special_tokens_strip),
		cmocka_unit_test(known_texts_end_generation),
		cmocka_unit_test(known_texts_are_control_tokens),
		cmocka_unit_test(parts_of_an_answer_do_not_end_it),
		cmocka_unit_test(roles_out_of_range_are_ignored),
		cmocka_unit_test(bpe_defaults_need_a_control_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
