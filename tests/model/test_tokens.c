// SPDX-License-Identifier: MIT
/*
 * The tokens of real vocabularies against those that llama.cpp gave for the same texts, in
 * tests/data/tokens. Other pre-tokenizers are tried on SmolLM2's vocabulary, as recorded.
 */
#include <errno.h>
#include <stdio.h>

#include "check.h"
#include "array.h"
#include "cleanup.h"
#include "detokenizer.h"
#include "gguf_maker.h"
#include "model_files.h"
#include "vocabulary.h"

DEFINE_CLEANUP(struct detokenizer, detokenizer_destroy)

struct model {
	struct gguf *file;
	uint8_t *header; /* of a file whose pre-tokenizer was changed */
	struct gguf *gguf;
	struct vocabulary *vocabulary;
};

static void model_finish(struct model *model)
{
	vocabulary_destroy(model->vocabulary);
	if (model->gguf != model->file)
		gguf_close(model->gguf);
	gguf_close(model->file);
	free(model->header);
}

/* The keys of GGUF, without its tensors, and with another tokenizer.ggml.pre. */
static struct gguf *with_pre(const struct gguf *gguf, const char *pre, uint8_t **ret_header)
{
	const struct gguf_value *old = gguf_find(gguf, "tokenizer.ggml.pre");
	const struct gguf_value *last = gguf_value(gguf, gguf_n_values(gguf) - 1);
	const uint8_t *data = gguf_part(gguf, 0)->data, *end = last->data + last->size_bytes;
	uint64_t size = strlen(pre), none = 0;
	struct gguf *changed = NULL;
	uint8_t *header, *at;

	assert_non_null(old);
	header = malloc((size_t)(end - data) + size + 32);
	at = mempcpy(header, data, (size_t)(old->data - data) - sizeof(size));
	at = mempcpy(at, &size, sizeof(size));
	at = mempcpy(at, pre, size);
	at = mempcpy(at, old->data + old->size_bytes, (size_t)(end - old->data - old->size_bytes));
	memcpy(header + 8, &none, sizeof(none)); /* tensors */
	*ret_header = header;
	assert_int_equal(gguf_parse(header, (uint64_t)(at - header), pre, NULL, &changed), 0);
	return changed;
}

static bool model_init(struct model *model, const char *name, const char *pre)
{
	_cleanup_free_ char *path = model_file(name);
	struct kept_log kept;

	*model = (struct model){0};
	if (!path)
		return false;
	kept_log_init(&kept);
	assert_int_equal(gguf_open(path, &kept.log, &model->file), 0);
	model->gguf = pre ? with_pre(model->file, pre, &model->header) : model->file;
	if (vocabulary_create(model->gguf, &kept.log, &model->vocabulary) < 0)
		fail_msg("%s", kept.text);
	return true;
}

/* ---- the recorded lines ---- */

static FILE *open_data(const char *name)
{
	_cleanup_free_ char *path = path_format("%s/tokens/%s", SLM_TEST_DATA, name);
	FILE *file = fopen(path, "re");

	if (!file)
		fail_msg("%s is missing", path);
	return file;
}

/* The next line that is no comment, without its end; false at the file's end. */
static bool next_line(FILE *file, char **line, size_t *capacity)
{
	ssize_t size;

	do {
		size = getline(line, capacity, file);
		if (size < 0)
			return false;
	} while ((*line)[0] == '#');
	if (size > 0 && (*line)[size - 1] == '\n')
		(*line)[size - 1] = '\0';
	return true;
}

static char unescape_one(const char **at)
{
	char byte[3] = {0};

	switch (*(*at)++) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	case 'x':
		memcpy(byte, *at, 2);
		*at += 2;
		return (char)strtoul(byte, NULL, 16);
	default:
		return '\\';
	}
}

/* Turns a quoted line into its text, in place, and gives its size. */
static size_t unescape(char *line)
{
	const char *at = line + 1, *end = line + strlen(line) - 1;
	char *out = line;

	assert_true(end > line - 1 && line[0] == '"' && *end == '"');
	while (at < end) {
		char c = *at++;

		*out++ = c == '\\' ? unescape_one(&at) : c;
	}
	return (size_t)(out - line);
}

static void encode(const struct model *model, const char *text, size_t size, bool parse_special,
		   struct token_list *list)
{
	struct encode_options options = {.add_special = true, .parse_special = parse_special};

	list->n = 0;
	assert_int_equal(tokenizer_encode(vocabulary_tokenizer(model->vocabulary), text, size,
					  &options, list),
			 0);
}

static void print_ids(const struct token_list *list, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < list->n && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, i == 0 ? "%d" : " %d", list->ids[i]);
}

static void compare_line(const struct model *model, const char *text, size_t size, char *recorded,
			 unsigned number)
{
	_cleanup_(token_list_finish) struct token_list list = {0};
	char *special = strstr(recorded, " | ");
	char ours[16384];

	if (special)
		*special = '\0';
	for (int pass = 0; pass < 2; pass++) {
		const char *theirs = pass && special ? special + 3 : recorded;

		encode(model, text, size, pass == 1, &list);
		print_ids(&list, ours, sizeof(ours));
		if (strcmp(ours, theirs) != 0)
			fail_msg("text %u, '%.*s', %s:\n  ours   %s\n  theirs %s", number,
				 (int)size, text, pass ? "special" : "plain", ours, theirs);
	}
}

static void compare_all(const struct model *model, const char *recorded)
{
	_cleanup_fclose_ FILE *lines = NULL;
	_cleanup_fclose_ FILE *ids = NULL;
	_cleanup_free_ char *line = NULL;
	_cleanup_free_ char *record = NULL;
	size_t line_capacity = 0, record_capacity = 0;
	unsigned n = 0;

	lines = open_data("lines.txt");
	ids = open_data(recorded);
	while (next_line(lines, &line, &line_capacity)) {
		assert_true(next_line(ids, &record, &record_capacity));
		compare_line(model, line, unescape(line), record, ++n);
	}
	assert_false(next_line(ids, &record, &record_capacity));
	assert_true(n > 400);
}

static void compare_lines(const char *name, const char *pre, const char *recorded)
{
	_cleanup_(model_finish) struct model model;

	if (!model_init(&model, name, pre))
		skip();
	compare_all(&model, recorded);
}

/* ---- WordPiece, of which no real vocabulary is at hand ---- */

static bool is_control(const char *piece)
{
	static const char *const control[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

	for (size_t i = 0; i < ARRAY_SIZE(control); i++) {
		if (strcmp(piece, control[i]) == 0)
			return true;
	}
	return false;
}

static void add_pieces(struct gguf_maker *maker)
{
	enum { PIECES_MAX = 8192 };
	_cleanup_fclose_ FILE *file = open_data("wordpiece.pieces");
	const char **pieces = calloc(PIECES_MAX, sizeof(*pieces));
	int32_t *types = calloc(PIECES_MAX, sizeof(*types));
	char *line = NULL;
	size_t n = 0, capacity = 0;

	for (; getline(&line, &capacity, file) > 0; n++, line = NULL, capacity = 0) {
		assert_true(n < PIECES_MAX);
		line[strlen(line) - 1] = '\0';
		pieces[n] = line;
		types[n] = is_control(line) ? TOKEN_TYPE_CONTROL : TOKEN_TYPE_NORMAL;
	}
	gguf_maker_strings(maker, "tokenizer.ggml.tokens", pieces, n);
	gguf_maker_array(maker, "tokenizer.ggml.token_type", GGUF_I32, types, n, sizeof(*types));
	for (size_t i = 0; i < n; i++)
		free((char *)pieces[i]);
	free(pieces);
	free(types);
	free(line);
}

static void wordpiece(void **state)
{
	_cleanup_(model_finish) struct model model = {0};
	struct gguf_maker maker;
	struct kept_log kept;
	size_t bytes;

	(void)state;
	kept_log_init(&kept);
	gguf_maker_init(&maker);
	gguf_maker_string(&maker, "tokenizer.ggml.model", "bert");
	add_pieces(&maker);
	model.header = gguf_maker_file(&maker, &bytes);
	assert_int_equal(gguf_parse(model.header, bytes, "wordpiece", &kept.log, &model.gguf), 0);
	if (vocabulary_create(model.gguf, &kept.log, &model.vocabulary) < 0)
		fail_msg("%s", kept.text);
	compare_all(&model, "wordpiece.ids");
	gguf_maker_finish(&maker);
}

/* ---- real ones ---- */

static void smollm2(void **state)
{
	(void)state;
	compare_lines(MODEL_SMOLLM2, NULL, "smollm2-135m.ids");
}

static void smollm2_as_gpt2(void **state)
{
	(void)state;
	compare_lines(MODEL_SMOLLM2, "gpt-2", "smollm2-135m.gpt-2.ids");
}

static void smollm2_as_llama3(void **state)
{
	(void)state;
	compare_lines(MODEL_SMOLLM2, "llama-bpe", "smollm2-135m.llama-bpe.ids");
}

static void smollm2_as_qwen2(void **state)
{
	(void)state;
	compare_lines(MODEL_SMOLLM2, "qwen2", "smollm2-135m.qwen2.ids");
}

static void smollm2_as_tekken(void **state)
{
	(void)state;
	compare_lines(MODEL_SMOLLM2, "tekken", "smollm2-135m.tekken.ids");
}

static void smollm2_as_deepseek_llm(void **state)
{
	(void)state;
	compare_lines(MODEL_SMOLLM2, "deepseek-llm", "smollm2-135m.deepseek-llm.ids");
}

static void smollm2_as_default(void **state)
{
	(void)state;
	compare_lines(MODEL_SMOLLM2, "default", "smollm2-135m.default.ids");
}

static void gemma3(void **state)
{
	(void)state;
	compare_lines(MODEL_GEMMA3, NULL, "gemma3-270m.ids");
}

/* ---- what else the files say ---- */

static void assert_role(const struct model *model, enum token_role role, const char *text)
{
	struct span span = vocabulary_role_text(model->vocabulary, role);

	if (!span_is(span, text))
		fail_msg("'%.*s' is not '%s'", (int)span.size, span.data, text);
}

static void roles_of_smollm2(void **state)
{
	_cleanup_(model_finish) struct model model;
	const struct tokenizer *tokenizer;
	unsigned n_ends = 0;

	(void)state;
	if (!model_init(&model, MODEL_SMOLLM2, NULL))
		skip();
	tokenizer = vocabulary_tokenizer(model.vocabulary);
	assert_int_equal(tokenizer_n_tokens(tokenizer), 49152);
	assert_role(&model, TOKEN_BOS, "<|im_start|>");
	assert_role(&model, TOKEN_EOS, "<|im_end|>");
	assert_false(tokenizer_adds_bos(tokenizer));
	for (int32_t i = 0; i < 49152; i++)
		n_ends += tokenizer_is_end(tokenizer, i);
	assert_int_equal(n_ends, 3); /* and <|endoftext|>, <reponame>, as the peer has it */
	assert_non_null(memmem(vocabulary_chat_template(model.vocabulary, NULL).data,
			       vocabulary_chat_template(model.vocabulary, NULL).size,
			       "<|im_start|>", 12));
}

static void roles_of_gemma3(void **state)
{
	_cleanup_(model_finish) struct model model;
	const struct tokenizer *tokenizer;

	(void)state;
	if (!model_init(&model, MODEL_GEMMA3, NULL))
		skip();
	tokenizer = vocabulary_tokenizer(model.vocabulary);
	assert_int_equal(tokenizer_n_tokens(tokenizer), 262144);
	assert_role(&model, TOKEN_BOS, "<bos>");
	assert_role(&model, TOKEN_EOS, "<eos>");
	assert_role(&model, TOKEN_EOT, "<end_of_turn>");
	assert_true(tokenizer_adds_bos(tokenizer));
	assert_false(tokenizer_adds_blank(tokenizer));
	assert_true(tokenizer_is_end(tokenizer, 1) && tokenizer_is_end(tokenizer, 106));
}

/* What is encoded comes back, through a detokenizer, where it was valid UTF-8. */
static void comes_back(const struct model *model, const char *text, size_t size)
{
	static const struct detokenizer_options options = {.show_control = true, .at_start = true};
	_cleanup_(detokenizer_destroy_p) struct detokenizer *detokenizer = NULL;
	_cleanup_(token_list_finish) struct token_list list = {0};
	_cleanup_free_ char *back = calloc(1, 4 * size + 64);
	size_t first = 0;

	encode(model, text, size, true, &list);
	first = tokenizer_adds_bos(vocabulary_tokenizer(model->vocabulary));
	assert_int_equal(detokenizer_create(vocabulary_tokenizer(model->vocabulary), &options,
					    &detokenizer),
			 0);
	for (size_t i = first; i <= list.n; i++) {
		struct span part = i < list.n ? detokenizer_push(detokenizer, list.ids[i])
					      : detokenizer_flush(detokenizer);

		strncat(back, part.data, part.size);
	}
	assert_string_equal(back, text);
}

static void texts_come_back(void **state)
{
	static const char *const names[] = {MODEL_SMOLLM2, MODEL_GEMMA3};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_(model_finish) struct model model;
		_cleanup_fclose_ FILE *lines = NULL;
		_cleanup_free_ char *line = NULL;
		size_t capacity = 0;

		if (!model_init(&model, names[i], NULL))
			skip();
		lines = open_data("lines.txt");
		while (next_line(lines, &line, &capacity)) {
			size_t size;

			/* Broken on purpose, perhaps; and U+2581 is a blank to SPM. */
			if (strstr(line, "\\x") || strstr(line, "\u2581"))
				continue;
			size = unescape(line);
			line[size] = '\0';
			comes_back(&model, line, size);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(wordpiece),
		cmocka_unit_test(smollm2),
		cmocka_unit_test(smollm2_as_gpt2),
		cmocka_unit_test(smollm2_as_llama3),
		cmocka_unit_test(smollm2_as_qwen2),
		cmocka_unit_test(smollm2_as_tekken),
		cmocka_unit_test(smollm2_as_deepseek_llm),
		cmocka_unit_test(smollm2_as_default),
		cmocka_unit_test(gemma3),
		cmocka_unit_test(roles_of_smollm2),
		cmocka_unit_test(roles_of_gemma3),
		cmocka_unit_test(texts_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
