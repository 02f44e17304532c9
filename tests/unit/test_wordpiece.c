// SPDX-License-Identifier: MIT
/* WordPiece, on vocabularies worked out by hand. */
#include <errno.h>
#include <stdio.h>

#include "cleanup.h"
#include "made_vocabulary.h"

DEFINE_CLEANUP(struct tokenizer, tokenizer_destroy)

enum { PAD, UNK, CLS, SEP };

/* The roles of BERT, and the next token is 4. */
static struct made *make_wordpiece(void)
{
	struct made *made = made_begin("bert");

	(void)made_add(made, "[PAD]", TOKEN_TYPE_CONTROL);
	(void)made_add(made, "[UNK]", TOKEN_TYPE_CONTROL);
	(void)made_add(made, "[CLS]", TOKEN_TYPE_CONTROL);
	(void)made_add(made, "[SEP]", TOKEN_TYPE_CONTROL);
	made->params.roles[TOKEN_UNK] = UNK;
	made->params.roles[TOKEN_BOS] = CLS;
	made->params.roles[TOKEN_SEP] = SEP;
	return made;
}

static int32_t add_piece(struct made *made, const char *text)
{
	return made_add(made, text, TOKEN_TYPE_NORMAL);
}

static void wordpiece_takes_the_longest(void **state)
{
	_cleanup_free_ struct made *made = make_wordpiece();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t a = add_piece(made, "\u2581a"), ab = add_piece(made, "\u2581ab"),
		b = add_piece(made, "b");
	int32_t bcd = add_piece(made, "bcd"), c = add_piece(made, "c"),
		dot = add_piece(made, "\u2581.");

	(void)state;
	(void)add_piece(made, ""); /* is never found */
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "a", PLAIN, a);
	gives(tokenizer, "ab", PLAIN, ab);
	gives(tokenizer, "abb", PLAIN, ab, b);
	/* ab leaves cd, of which d is none: the choice is not taken back, nor is what came before it */
	gives(tokenizer, "a abcd a", PLAIN, a, UNK, a);
	gives(tokenizer, "abbcdc", PLAIN, ab, bcd, c);
	gives(tokenizer, "b", PLAIN, UNK); /* no word begins so */
	gives(tokenizer, "a.b", PLAIN, a, dot, UNK);
	gives(tokenizer, "  a \n a\u3000\u2003a ", PLAIN, a, a, a);
	gives(tokenizer, "", ADD, CLS, SEP);
	gives(tokenizer, "a", ADD, CLS, a, SEP);
	gives(tokenizer, "a[SEP]a", ADD | SPECIAL, CLS, a, SEP, a, SEP);
	gives(tokenizer, "[SEP]", PLAIN, UNK, UNK, UNK);
}

static void wordpiece_makes_words(void **state)
{
	_cleanup_free_ struct made *made = make_wordpiece();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t e = add_piece(made, "\u2581e"), more = add_piece(made, "e");
	int32_t cased = add_piece(made, "\u2581\u00c9"), small = add_piece(made, "\u2581\u00e9");
	int32_t large = add_piece(made, "\u2581E"), han = add_piece(made, "\u2581\u4e2d");
	int32_t kana = add_piece(made, "\u2581\u3042\u3042"),
		first = add_piece(made, "\u2581\u1112");

	(void)state;
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "E\u00c9e\u0301", PLAIN, e, more, more);
	gives(tokenizer, "e\u00ad\u200be\x01", PLAIN, e, more); /* format and control are nothing */
	gives(tokenizer, "e\u4e2d\u4e2de", PLAIN, e, han, han, e);
	gives(tokenizer, "\u3042\u3042", PLAIN, kana);
	gives(tokenizer, "\ud55c", PLAIN, first); /* as the peer has it */
	gives(tokenizer, "e\x80\xc0\x80\xff\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82", PLAIN, e);
	made_gives(tokenizer, "e\0e", 3, PLAIN, (int32_t[]){e, more, TOKEN_NONE});
	tokenizer_destroy(tokenizer);
	made->params.strip_accents = FLAG_NO;
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "\u00c9 e\u0301", PLAIN, small, UNK);
	tokenizer_destroy(tokenizer);
	made->params.lower_case = FLAG_NO;
	made->params.strip_accents = FLAG_UNSET; /* as lower_case */
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "E \u00c9 \u00e9", PLAIN, large, cased, small);
	tokenizer_destroy(tokenizer);
	made->params.strip_accents = FLAG_YES;
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "\u00c9 \u00e9", PLAIN, large, e);
}

/* Where the file is silent the numbers are those of BERT's own vocabulary. */
static void wordpiece_has_roles(void **state)
{
	_cleanup_free_ struct made *made = made_begin("bert");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	char names[110][16];

	(void)state;
	for (int i = 0; i < 110; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "[unused%d]", i);
		(void)made_add(made, names[i], TOKEN_TYPE_NORMAL);
	}
	made->params.add_bos = FLAG_NO; /* which is not asked */
	tokenizer = made_tokenizer(made);
	gives(tokenizer, "x", ADD, 101, 100, 102);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_MASK), 103);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_PAD), 0);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_EOS), TOKEN_NONE);
	made->params.n_tokens = 102;
	made_refuses(made, EBADMSG, "SEP");
	made->params.n_tokens = 101;
	made_refuses(made, EBADMSG, "BOS");
	made->params.n_tokens = 100;
	made_refuses(made, EBADMSG, "which token stands for unknown words");
}

/* A word of a million characters, of which each could begin a long token. */
static void wordpiece_long_words_take_no_longer(void **state)
{
	enum { LONG = 1 << 20 };
	_cleanup_free_ struct made *made = make_wordpiece();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	_cleanup_(token_list_finish) struct token_list list = {0};
	const struct encode_options options = {0};
	_cleanup_free_ char *text = malloc(LONG);

	(void)state;
	(void)add_piece(made, "\u2581");
	(void)add_piece(made, "a");
	(void)add_piece(made,
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
	tokenizer = made_tokenizer(made);
	memset(text, 'a', LONG);
	assert_int_equal(tokenizer_encode(tokenizer, text, LONG, &options, &list), 0);
	assert_int_equal(list.n, LONG + 1);
	text[LONG - 1] = 'b'; /* the last 67 make one, too early taken apart */
	list.n = 0;
	assert_int_equal(tokenizer_encode(tokenizer, text, LONG, &options, &list), 0);
	assert_int_equal(list.n, 1 + LONG - 67 + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wordpiece_takes_the_longest),
		cmocka_unit_test(wordpiece_makes_words),
		cmocka_unit_test(wordpiece_has_roles),
		cmocka_unit_test(wordpiece_long_words_take_no_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
