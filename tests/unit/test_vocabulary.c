// SPDX-License-Identifier: MIT
/* The vocabulary of files made by hand: each key, and each way in which it can be wrong. */
#include <errno.h>

#include "check.h"
#include "cleanup.h"
#include "failing_malloc.h"
#include "gguf_maker.h"
#include "vocabulary.h"

#define KEY(name) "tokenizer.ggml." name

struct file {
	struct gguf_maker maker;
	uint8_t *bytes;
	struct gguf *gguf;
	struct vocabulary *vocabulary;
	struct kept_log kept;
};

static void file_finish(struct file *file)
{
	vocabulary_destroy(file->vocabulary);
	gguf_close(file->gguf);
	free(file->bytes);
	gguf_maker_finish(&file->maker);
}

/* <unk> a b ab, and an SPM model. */
static void begin(struct file *file, const char *model)
{
	static const char *const tokens[] = {"<unk>", "a", "b", "ab"};

	*file = (struct file){0};
	kept_log_init(&file->kept);
	gguf_maker_init(&file->maker);
	if (model)
		gguf_maker_string(&file->maker, KEY("model"), model);
	gguf_maker_strings(&file->maker, KEY("tokens"), tokens, ARRAY_SIZE(tokens));
}

static void parse(struct file *file)
{
	size_t size;

	file->bytes = gguf_maker_file(&file->maker, &size);
	assert_int_equal(gguf_parse(file->bytes, size, "test.gguf", NULL, &file->gguf), 0);
}

static int end(struct file *file)
{
	parse(file);
	return vocabulary_create(file->gguf, &file->kept.log, &file->vocabulary);
}

static void accepts(struct file *file)
{
	if (end(file) < 0)
		fail_msg("%s", file->kept.text);
}

static void refuses(struct file *file, int error, const char *sentence)
{
	assert_int_equal(end(file), -error);
	assert_null(file->vocabulary);
	assert_int_equal(file->kept.n, 1);
	if (!strstr(file->kept.text, sentence))
		fail_msg("'%s' does not say '%s'", file->kept.text, sentence);
}

static void gives(struct file *file, const char *text, int32_t first, size_t n)
{
	static const struct encode_options options = {.add_special = true};
	struct token_list list = {0};

	assert_int_equal(tokenizer_encode(vocabulary_tokenizer(file->vocabulary), text,
					  strlen(text), &options, &list),
			 0);
	assert_int_equal(list.n, n);
	assert_int_equal(list.ids[0], first);
	token_list_finish(&list);
}

static void reads_an_spm_file(void **state)
{
	_cleanup_(file_finish) struct file file;
	static const float scores[] = {0, 0, 0, -1};
	static const int32_t types[] = {2, 1, 1, 1};

	(void)state;
	begin(&file, "llama");
	gguf_maker_array(&file.maker, KEY("scores"), GGUF_F32, scores, 4, sizeof(*scores));
	gguf_maker_array(&file.maker, KEY("token_type"), GGUF_I32, types, 4, sizeof(*types));
	gguf_maker_bool(&file.maker, KEY("add_space_prefix"), 0);
	gguf_maker_bool(&file.maker, KEY("add_bos_token"), 0);
	gguf_maker_bool(&file.maker, KEY("add_eos_token"), 1);
	gguf_maker_u32(&file.maker, KEY("eos_token_id"), 2);
	gguf_maker_string(&file.maker, "tokenizer.chat_template", "{{ messages }}");
	gguf_maker_string(&file.maker, "tokenizer.chat_template.tool_use", "{{ tools }}");
	accepts(&file);
	gives(&file, "abab", 3, 3);
	assert_true(span_is(vocabulary_chat_template(file.vocabulary, NULL), "{{ messages }}"));
	assert_true(span_is(vocabulary_chat_template(file.vocabulary, "tool_use"), "{{ tools }}"));
	assert_int_equal(vocabulary_chat_template(file.vocabulary, "other").size, 0);
	assert_true(span_is(vocabulary_role_text(file.vocabulary, TOKEN_EOS), "b"));
	assert_int_equal(vocabulary_role_text(file.vocabulary, TOKEN_PAD).size, 0);
	assert_int_equal(file.kept.n, 0);
}

static void reads_a_bpe_file(void **state)
{
	_cleanup_(file_finish) struct file file;

	(void)state;
	begin(&file, "gpt2");
	gguf_maker_string(&file.maker, KEY("pre"), "gpt-2");
	gguf_maker_string(&file.maker, "general.name", "a model");
	gguf_maker_strings(&file.maker, KEY("merges"), (const char *const[]){"a b"}, 1);
	accepts(&file);
	gives(&file, "abab", 3, 2);
}

static void reads_whole_scores(void **state)
{
	_cleanup_(file_finish) struct file file;
	static const int32_t scores[] = {0, 0, 0, -1, 77}; /* one too many */

	(void)state;
	begin(&file, "llama");
	gguf_maker_array(&file.maker, KEY("scores"), GGUF_I32, scores, 5, sizeof(*scores));
	gguf_maker_bool(&file.maker, KEY("add_space_prefix"), 0);
	accepts(&file);
	gives(&file, "ab", 1, 2);
}

/* A long name must not be cut down to another template's. */
static void template_names_are_not_cut(void **state)
{
	_cleanup_(file_finish) struct file file;
	char name[300];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	begin(&file, "llama");
	accepts(&file);
	assert_int_equal(vocabulary_chat_template(file.vocabulary, name).size, 0);
	assert_int_equal(vocabulary_chat_template(file.vocabulary, NULL).size, 0);
}

static void refuses_what_is_missing(void **state)
{
	_cleanup_(file_finish) struct file file, empty = {0};

	(void)state;
	begin(&file, NULL);
	refuses(&file, EBADMSG, "test.gguf has no tokenizer.ggml.model");
	kept_log_init(&empty.kept);
	gguf_maker_init(&empty.maker);
	gguf_maker_string(&empty.maker, KEY("model"), "llama");
	refuses(&empty, EBADMSG, "test.gguf has no tokenizer.ggml.tokens");
}

static void refuses_other_tokenizers(void **state)
{
	_cleanup_(file_finish) struct file file;

	(void)state;
	begin(&file, "t5");
	refuses(&file, ENOTSUP, "'t5' is not supported");
}

static void refuses_a_model_that_is_a_number(void **state)
{
	_cleanup_(file_finish) struct file file;

	(void)state;
	begin(&file, NULL);
	gguf_maker_u32(&file.maker, KEY("model"), 1);
	refuses(&file, EBADMSG, "tokenizer.ggml.model should be a string");
}

static void refuses_a_flag_that_is_a_number(void **state)
{
	_cleanup_(file_finish) struct file file;

	(void)state;
	begin(&file, "llama");
	gguf_maker_u32(&file.maker, KEY("add_bos_token"), 1);
	refuses(&file, EBADMSG, "add_bos_token should be true or false");
}

static void refuses_an_id_that_is_a_string(void **state)
{
	_cleanup_(file_finish) struct file file;

	(void)state;
	begin(&file, "llama");
	gguf_maker_string(&file.maker, KEY("eos_token_id"), "2");
	refuses(&file, EBADMSG, "eos_token_id should be a whole number");
}

static void refuses_merges_that_are_numbers(void **state)
{
	_cleanup_(file_finish) struct file file;

	(void)state;
	begin(&file, "gpt2");
	gguf_maker_array(&file.maker, KEY("merges"), GGUF_U8, NULL, 0, 1);
	refuses(&file, EBADMSG, "merges should be an array of string");
}

static void refuses_scores_of_another_type(void **state)
{
	_cleanup_(file_finish) struct file file;
	static const double scores[4] = {0};

	(void)state;
	begin(&file, "llama");
	gguf_maker_array(&file.maker, KEY("scores"), GGUF_F64, scores, 4, sizeof(*scores));
	refuses(&file, EBADMSG, "scores should be an array of f32");
}

static void refuses_scores_that_are_no_array(void **state)
{
	_cleanup_(file_finish) struct file file;

	(void)state;
	begin(&file, "llama");
	gguf_maker_u32(&file.maker, KEY("scores"), 0);
	refuses(&file, EBADMSG, "scores should be an array");
}

static void refuses_too_few_types(void **state)
{
	_cleanup_(file_finish) struct file file;
	static const int32_t types[3] = {1, 1, 1};

	(void)state;
	begin(&file, "llama");
	gguf_maker_array(&file.maker, KEY("token_type"), GGUF_I32, types, 3, sizeof(*types));
	refuses(&file, EBADMSG, "token_type has 3 entries for 4 tokens");
}

static void refuses_types_of_another_type(void **state)
{
	_cleanup_(file_finish) struct file file;

	(void)state;
	begin(&file, "llama");
	gguf_maker_array(&file.maker, KEY("token_type"), GGUF_U8, "\1\1\1\1", 4, 1);
	refuses(&file, EBADMSG, "token_type should be an array of i32");
}

static void every_allocation_may_fail(void **state)
{
	_cleanup_(file_finish) struct file file;
	static const int32_t scores[4] = {0};
	int r = -ENOMEM;
	long n = 0;

	(void)state;
	begin(&file, "llama");
	gguf_maker_array(&file.maker, KEY("scores"), GGUF_I32, scores, 4, sizeof(*scores));
	parse(&file);
	for (; r == -ENOMEM; n++) {
		kept_log_init(&file.kept);
		allocations_left = n;
		r = vocabulary_create(file.gguf, &file.kept.log, &file.vocabulary);
		allocations_left = -1;
		assert_int_equal(file.kept.n, r < 0 ? 1 : 0);
	}
	assert_int_equal(r, 0);
	assert_true(n > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_an_spm_file),
		cmocka_unit_test(reads_a_bpe_file),
		cmocka_unit_test(reads_whole_scores),
		cmocka_unit_test(template_names_are_not_cut),
		cmocka_unit_test(refuses_what_is_missing),
		cmocka_unit_test(refuses_other_tokenizers),
		cmocka_unit_test(refuses_a_model_that_is_a_number),
		cmocka_unit_test(refuses_a_flag_that_is_a_number),
		cmocka_unit_test(refuses_an_id_that_is_a_string),
		cmocka_unit_test(refuses_merges_that_are_numbers),
		cmocka_unit_test(refuses_scores_of_another_type),
		cmocka_unit_test(refuses_scores_that_are_no_array),
		cmocka_unit_test(refuses_too_few_types),
		cmocka_unit_test(refuses_types_of_another_type),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
