// SPDX-License-Identifier: MIT
/* From tokens back to text: single ones, and a stream whose characters come whole. */
#include <errno.h>

#include "cleanup.h"
#include "detokenizer.h"
#include "made_vocabulary.h"

#define BLANK "\u2581"

DEFINE_CLEANUP(struct tokenizer, tokenizer_destroy)
DEFINE_CLEANUP(struct detokenizer, detokenizer_destroy)

static void assert_piece(const struct tokenizer *tokenizer, int32_t id, bool show, const char *text)
{
	char piece[64] = "";

	assert_true(tokenizer_piece_max(tokenizer) < sizeof(piece));
	piece[tokenizer_piece(tokenizer, id, show, piece)] = '\0';
	assert_string_equal(piece, text);
}

static void pieces_of_bpe(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t word = made_add(made, "\u0120x\u010a\u0142\u0143", TOKEN_TYPE_NORMAL);
	int32_t odd = made_add(made, "a中", TOKEN_TYPE_NORMAL),
		byte = made_add(made, "<0x41>", TOKEN_TYPE_BYTE);
	int32_t user = made_add(made, "\u0120u", TOKEN_TYPE_USER_DEFINED);
	int32_t unused = made_add(made, "unused", TOKEN_TYPE_UNUSED),
		control = made_add(made, "<c>", TOKEN_TYPE_CONTROL);

	(void)state;
	tokenizer = made_tokenizer(made);
	assert_piece(tokenizer, word, false, " x\n\xa0\xad");
	assert_piece(tokenizer, odd, false, "a中");
	assert_piece(tokenizer, byte, false, "A");
	assert_piece(tokenizer, user, false, "\u0120u");
	assert_piece(tokenizer, unused, true, "");
	assert_piece(tokenizer, control, false, "");
	assert_piece(tokenizer, control, true, "<c>");
	assert_piece(tokenizer, -1, true, "");
	assert_piece(tokenizer, 9999, true, "");
	for (int32_t i = 1; i < 256; i++)
		assert_piece(tokenizer, i, false, (const char[]){(char)i, '\0'});
	assert_string_equal(tokenizer_text(tokenizer, control).data, "<c>");
	assert_int_equal(tokenizer_text(tokenizer, -5).size, 0);
}

static void pieces_of_spm(void **state)
{
	_cleanup_free_ struct made *made = made_spm();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t word = made_add(made, BLANK "a" BLANK BLANK, TOKEN_TYPE_NORMAL);
	int32_t user = made_add(made, BLANK "u", TOKEN_TYPE_USER_DEFINED);

	(void)state;
	tokenizer = made_tokenizer(made);
	assert_piece(tokenizer, word, false, " a  ");
	assert_piece(tokenizer, user, false, BLANK "u");
	assert_piece(tokenizer, SPM_BYTE + 0xe4, false, "\xe4");
	assert_piece(tokenizer, 0, false, "");
	assert_piece(tokenizer, 0, true, "<unk>");
}

static void shows(struct detokenizer *detokenizer, int32_t id, const char *text)
{
	struct span got = detokenizer_push(detokenizer, id);

	if (got.size != strlen(text) || memcmp(got.data, text, got.size) != 0)
		fail_msg("token %d shows '%.*s', not '%s'", id, (int)got.size, got.data, text);
}

static void flushes(struct detokenizer *detokenizer, const char *text)
{
	struct span got = detokenizer_flush(detokenizer);

	assert_int_equal(got.size, strlen(text));
	assert_memory_equal(got.data, text, got.size);
}

static void detokenizer_gives_whole_characters(void **state)
{
	_cleanup_free_ struct made *made = made_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = made_tokenizer(made);
	_cleanup_(detokenizer_destroy_p) struct detokenizer *detokenizer = NULL;
	static const struct detokenizer_options options = {0};

	(void)state;
	assert_int_equal(detokenizer_create(tokenizer, &options, &detokenizer), 0);
	shows(detokenizer, 'a', "a");
	shows(detokenizer, 0xf0, "");
	shows(detokenizer, 0x9f, "");
	shows(detokenizer, 0x98, "");
	shows(detokenizer, 0x80, "😀");
	shows(detokenizer, 0xe4, "");
	shows(detokenizer, 'b', "\ufffdb"); /* what began does not go on */
	shows(detokenizer, 0x80, "\ufffd");
	shows(detokenizer, 0xff, "\ufffd");
	shows(detokenizer, 0xc3, "");
	shows(detokenizer, 0xc3, "\ufffd");
	shows(detokenizer, 0xa9, "é");
	shows(detokenizer, 0xf0, "");
	shows(detokenizer, 0x9f, "");
	flushes(detokenizer, "\ufffd"); /* one mistake */
	flushes(detokenizer, "");
	shows(detokenizer, 0xe0, "");
	shows(detokenizer, 0x80, "");
	flushes(detokenizer, "\ufffd\ufffd"); /* two: nothing begins with these bytes */
	shows(detokenizer, 0xed, "");
	shows(detokenizer, 0xa0, "");
	shows(detokenizer, 0x80, "\ufffd\ufffd\ufffd"); /* a surrogate */
	shows(detokenizer, 'c', "c");
	flushes(detokenizer, "");
	detokenizer_destroy(NULL);
}

static void detokenizer_takes_off_the_blank(void **state)
{
	_cleanup_free_ struct made *made = made_spm();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	_cleanup_(detokenizer_destroy_p) struct detokenizer *detokenizer = NULL;
	struct detokenizer_options options = {.at_start = true};
	int32_t word = made_add(made, BLANK BLANK "h", TOKEN_TYPE_NORMAL);

	(void)state;
	tokenizer = made_tokenizer(made);
	assert_int_equal(detokenizer_create(tokenizer, &options, &detokenizer), 0);
	shows(detokenizer, word, " h");
	shows(detokenizer, word, "  h");
	flushes(detokenizer, "");
	shows(detokenizer, word, " h");
	flushes(detokenizer, "");
	/* BOS is hidden, and the blank after it stays, as the peer has it. */
	shows(detokenizer, 1, "");
	shows(detokenizer, word, "  h");
	detokenizer_destroy(detokenizer);
	options = (struct detokenizer_options){.show_control = true};
	assert_int_equal(detokenizer_create(tokenizer, &options, &detokenizer), 0);
	shows(detokenizer, word, "  h");
	shows(detokenizer, 1, "<s>");
	shows(detokenizer, 0, "<unk>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_bpe),
		cmocka_unit_test(pieces_of_spm),
		cmocka_unit_test(detokenizer_gives_whole_characters),
		cmocka_unit_test(detokenizer_takes_off_the_blank),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
