// SPDX-License-Identifier: MIT
/* What chat templates are given, and that nothing said in a chat becomes a control token of it. */
#include <errno.h>
#include <jansson.h>

#include "array.h"
#include "chat_template.h"
#include "check.h"
#include "failing_malloc.h"
#include "tokenizer.h"

static const char chatml[] =
	"{{ bos_token }}{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + "
	"'<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
	"{% endif %}";

struct bench {
	struct kept_log kept;
	struct chat_template *template;
	json_t *messages;
	json_t *variables;
	struct chat_prompt prompt;
};

static int render(struct bench *bench, const char *source, const char *messages,
		  const char *variables)
{
	static const struct tm now = {.tm_year = 125, .tm_mon = 6, .tm_mday = 4};
	struct chat_template_params params = {
		.source = {source, (uint32_t)strlen(source)}, .bos = SPAN("<s>"), .eos = SPAN("")};
	struct chat_request request = {.add_generation_prompt = true, .now = &now};
	int r;

	*bench = (struct bench){.messages = json_loads(messages, 0, NULL)};
	kept_log_init(&bench->kept);
	assert_non_null(bench->messages);
	if (variables)
		bench->variables = json_loads(variables, 0, NULL);
	request.messages = bench->messages;
	request.variables = bench->variables;
	r = chat_template_create(&params, &bench->kept.log, &bench->template);
	if (r == 0)
		r = chat_template_render(bench->template, &request, &bench->kept.log,
					 &bench->prompt);
	return r;
}

static void bench_finish(struct bench *bench)
{
	chat_prompt_finish(&bench->prompt);
	chat_template_destroy(bench->template);
	json_decref(bench->messages);
	json_decref(bench->variables);
}

/* The text of SOURCE, its foreign parts between brackets. */
static void gives(const char *source, const char *messages, const char *variables,
		  const char *expected)
{
	struct bench bench;
	char shown[512];
	size_t n = 0, range = 0;

	if (render(&bench, source, messages, variables) < 0)
		fail_msg("%s: %s", source, bench.kept.text);
	assert_int_equal(strlen(bench.prompt.text), bench.prompt.size);
	for (uint32_t i = 0; i <= bench.prompt.size; i++) {
		const struct text_range *next = &bench.prompt.foreign[range];

		if (range < bench.prompt.n_foreign && i == next->end) {
			shown[n++] = ']';
			next = &bench.prompt.foreign[++range];
		}
		if (range < bench.prompt.n_foreign && i == next->begin)
			shown[n++] = '[';
		shown[n++] = bench.prompt.text[i];
		assert_true(n < sizeof(shown) - 2);
	}
	assert_string_equal(shown, expected);
	bench_finish(&bench);
}

static void messages_are_foreign_and_known_roles_are_not(void **state)
{
	(void)state;
	gives(chatml, "[{\"role\": \"user\", \"content\": \"Hi\"}]", NULL,
	      "<s><|im_start|>user\n[Hi]<|im_end|>\n<|im_start|>assistant\n");
	gives(chatml, "[{\"role\": \"narrator\", \"content\": \"\"}]", NULL,
	      "<s><|im_start|>[narrator]\n<|im_end|>\n<|im_start|>assistant\n");
	gives("{% for m in messages %}{{ '<|' + m['role'] + '|>' }}{% endfor %}",
	      "[{\"role\": \"tool\"}, {\"role\": \"im_end\"}]", NULL, "<|tool|><|[im_end]|>");
	gives("{{ messages[0].content.role }}",
	      "[{\"role\": \"user\", \"content\": {\"role\": \"user\"}}]", NULL, "[user]");
}

static void templates_find_what_transformers_gives_them(void **state)
{
	(void)state;
	gives("{{ tools is none }}{{ documents is none }}{{ eos_token is defined }}{{ x }}", "[]",
	      NULL, "TrueTrueFalse");
	gives("{{ tools|tojson }}{{ enable_thinking }}{{ x }}", "[]",
	      "{\"tools\": [{\"a\": 1}], \"enable_thinking\": false, \"x\": \"y\"}",
	      "[{\"[a]\": 1}]False[y]");
	gives("{{ strftime_now('%Y-%m-%d') }}", "[]", NULL, "2025-07-04");
	gives("{{ bos_token }}", "[]", "{\"bos_token\": \"</s>\"}", "[</s>]");
	gives("{{ messages|length }}", "[]", "[1]", "0");
}

static void failures_are_said_once(void **state)
{
	static const struct {
		const char *source;
		int error;
	} cases[] = {
		{"{{ raise_exception('no') }}", EINVAL},
		{"{{ messages.a.b }}", EINVAL},
		{"{{ 'x' * 10 ** 11 }}", E2BIG},
		{"{{ 1|xyz }}", ENOTSUP},
		{"{{ 1", EBADMSG},
	};
	struct bench bench;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(render(&bench, cases[i].source, "[]", NULL), -cases[i].error);
		assert_int_equal(bench.kept.n, 1);
		bench_finish(&bench);
	}
}

static void deep_messages_are_refused(void **state)
{
	char messages[2048] = "";
	struct bench bench;

	(void)state;
	memset(messages, '[', 600);
	memset(messages + 600, ']', 600);
	assert_int_equal(render(&bench, chatml, messages, NULL), -E2BIG);
	assert_non_null(strstr(bench.kept.text, "nested more than"));
	assert_int_equal(bench.kept.n, 1);
	bench_finish(&bench);
}

static void any_allocation_may_fail(void **state)
{
	struct chat_template_params params = {.source = SPAN(""), .bos = SPAN("<s>")};
	json_t *messages = json_loads("[{\"role\": \"user\", \"content\": \"Hi\"}]", 0, NULL);
	struct chat_request request = {.messages = messages};
	bool done = false;

	(void)state;
	params.source = (struct span){chatml, sizeof(chatml) - 1};
	for (long n = 0; !done; n++) {
		struct chat_template *template = NULL;
		struct chat_prompt prompt = {0};
		struct kept_log kept;
		int r;

		kept_log_init(&kept);
		allocations_left = n;
		r = chat_template_create(&params, &kept.log, &template);
		if (r == 0)
			r = chat_template_render(template, &request, &kept.log, &prompt);
		done = allocations_left >= 0;
		allocations_left = -1;
		assert_int_equal(r, done ? 0 : -ENOMEM);
		assert_int_equal(kept.n, done ? 0 : 1);
		chat_prompt_finish(&prompt);
		chat_template_destroy(template);
	}
	json_decref(messages);
}

/* ---- down to the tokens ---- */

enum { N_BYTES = 256, N_TOKENS = N_BYTES + 8 };

struct vocabulary {
	struct tokenizer_params params;
	char bytes[N_BYTES][8];
	struct span tokens[N_TOKENS];
	int32_t types[N_TOKENS];
	float scores[N_TOKENS];
	struct tokenizer *tokenizer;
};

/* Bytes, and after them what a vocabulary like Llama's merges its way to "</s>" by. */
static void vocabulary_init(struct vocabulary *vocabulary)
{
	static const char *const more[] = {"<", "/", "s", ">", "</", "s>", "</s>", "<|im_end|>"};

	*vocabulary = (struct vocabulary){0};
	tokenizer_params_init(&vocabulary->params);
	for (size_t i = 0; i < N_TOKENS; i++) {
		const char *text = i < N_BYTES ? vocabulary->bytes[i] : more[i - N_BYTES];

		if (i < N_BYTES)
			(void)snprintf(vocabulary->bytes[i], 8, "<0x%02X>", (unsigned)i);
		vocabulary->tokens[i] = (struct span){text, (uint32_t)strlen(text)};
		vocabulary->types[i] = i < N_BYTES	   ? TOKEN_TYPE_BYTE
				       : i >= N_TOKENS - 2 ? TOKEN_TYPE_CONTROL
							   : TOKEN_TYPE_NORMAL;
		vocabulary->scores[i] = -(float)(i % 7);
	}
	vocabulary->params.model = SPAN("llama");
	vocabulary->params.tokens = vocabulary->tokens;
	vocabulary->params.n_tokens = N_TOKENS;
	vocabulary->params.types = vocabulary->types;
	vocabulary->params.scores = vocabulary->scores;
	vocabulary->params.roles[TOKEN_UNK] = 0;
	vocabulary->params.roles[TOKEN_BOS] = 1;
	vocabulary->params.add_space_prefix = FLAG_NO;
	assert_int_equal(tokenizer_create(&vocabulary->params, NULL, &vocabulary->tokenizer), 0);
}

/* How many control tokens TEXT has when the N ranges PLAIN are a message's. */
static size_t count_control(const struct vocabulary *vocabulary, const char *text,
			    const struct text_range *plain, size_t n)
{
	struct encode_options options = {.parse_special = true, .plain = plain, .n_plain = n};
	struct token_list list = {0};
	size_t found = 0, size = 0;

	assert_int_equal(
		tokenizer_encode(vocabulary->tokenizer, text, strlen(text), &options, &list), 0);
	for (size_t i = 0; i < list.n; i++) {
		char piece[64];

		found += tokenizer_is_control(vocabulary->tokenizer, list.ids[i]);
		size += tokenizer_piece(vocabulary->tokenizer, list.ids[i], true, piece);
	}
	/* Whatever a text is made of, it is all there. */
	assert_int_equal(size, strlen(text));
	token_list_finish(&list);
	return found;
}

/* A message without control tokens is tokenized as if its template had said it. */
static void plain_text_is_tokenized_as_ever(void **state)
{
	static const char text[] = "<|im_end|>a</b>\n<|im_end|>";
	static const struct text_range plain[] = {{10, 11}, {13, 16}};
	struct encode_options options = {.parse_special = true}, ranges = options;
	struct token_list all = {0}, parts = {0};
	struct vocabulary vocabulary;

	(void)state;
	vocabulary_init(&vocabulary);
	ranges.plain = plain;
	ranges.n_plain = ARRAY_SIZE(plain);
	assert_int_equal(tokenizer_encode(vocabulary.tokenizer, text, strlen(text), &options, &all),
			 0);
	assert_int_equal(
		tokenizer_encode(vocabulary.tokenizer, text, strlen(text), &ranges, &parts), 0);
	assert_int_equal(all.n, parts.n);
	assert_memory_equal(all.ids, parts.ids, all.n * sizeof(*all.ids));
	token_list_finish(&all);
	token_list_finish(&parts);
	tokenizer_destroy(vocabulary.tokenizer);
}

static void messages_have_no_control_tokens(void **state)
{
	static const struct text_range all = {0, 16}, first = {0, 4}, last_byte = {15, 16},
				       two[] = {{0, 4}, {5, 9}}, empty = {2, 2};
	struct vocabulary vocabulary;

	(void)state;
	vocabulary_init(&vocabulary);
	assert_int_equal(count_control(&vocabulary, "</s>a<|im_end|>b", NULL, 0), 2);
	assert_int_equal(count_control(&vocabulary, "</s>a<|im_end|>b", &all, 1), 0);
	assert_int_equal(count_control(&vocabulary, "</s>a<|im_end|>b", &first, 1), 1);
	assert_int_equal(count_control(&vocabulary, "</s>a<|im_end|>b", &last_byte, 1), 2);
	assert_int_equal(count_control(&vocabulary, "</s>a<|im_end|>b", two, 2), 0);
	assert_int_equal(count_control(&vocabulary, "</s>a<|im_end|>b", &empty, 1), 1);
	tokenizer_destroy(vocabulary.tokenizer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_foreign_and_known_roles_are_not),
		cmocka_unit_test(templates_find_what_transformers_gives_them),
		cmocka_unit_test(failures_are_said_once),
		cmocka_unit_test(deep_messages_are_refused),
		cmocka_unit_test(any_allocation_may_fail),
		cmocka_unit_test(plain_text_is_tokenized_as_ever),
		cmocka_unit_test(messages_have_no_control_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
