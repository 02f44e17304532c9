// SPDX-License-Identifier: MIT
/*
 * Greedy text on every device: along the text that the processor gives, each device would take the same
 * next token, or one that the processor holds to be as good but for a tie.
 *
 *   test_greedy DEVICE [TOKENS]     with the real models; $SLM_TEST_PROMPT: another beginning
 */
#include <stdio.h>

#include "check.h"
#include "cleanup.h"
#include "engine.h"
#include "model_files.h"
#include "session.h"
#include "tokenizer.h"
#include "vocabulary.h"

DEFINE_CLEANUP(struct engine, engine_destroy)

enum { TOKENS_MAX = 512 };

/* Of logits whose spread is several units: rounding to int8 and back moves them by a tenth. */
static const float TIE = 0.25f;

static const char *device;
static size_t n_tokens = 48;

static struct engine *open_on(const char *path, const char *where, struct kept_log *kept)
{
	struct engine_params params = {
		.model_path = path,
		.device = where,
		.n_ctx = 1024,
		.cache_dir = getenv("SLM_CACHE_DIR"),
		.log = &kept->log,
	};
	struct engine *engine = NULL;
	int r = engine_create(&params, &engine);

	if (r < 0)
		(void)printf("%s\n", kept->text);
	return r < 0 ? NULL : engine;
}

static int32_t best(const float *logits, uint32_t n)
{
	int32_t best = 0;

	for (uint32_t i = 1; i < n; i++) {
		if (logits[i] > logits[best])
			best = (int32_t)i;
	}
	return best;
}

static size_t prompt_tokens(struct engine *engine, int32_t *tokens)
{
	const char *given = getenv("SLM_TEST_PROMPT");
	const char *text = given ? given
				 : "Once upon a time, in a small village near the sea, there lived";
	struct token_list list = {0};
	const struct encode_options options = {.add_special = true};
	size_t n;

	assert_int_equal(tokenizer_encode(vocabulary_tokenizer(engine_vocabulary(engine)), text,
					  strlen(text), &options, &list),
			 0);
	n = list.n;
	assert_true(n > 0 && n + n_tokens < TOKENS_MAX);
	memcpy(tokens, list.ids, n * sizeof(*tokens));
	token_list_finish(&list);
	return n;
}

/* How many tokens of TEXT differ, and the widest gap of one; TEXT grows by the first engine's choice. */
static void compare(struct engine *engines[2], const char *name)
{
	uint32_t n_vocab = engine_n_result(engines[0]);
	struct session *sessions[2];
	int32_t tokens[TOKENS_MAX];
	unsigned n_differ = 0;
	float widest = 0;
	size_t n = prompt_tokens(engines[0], tokens);

	for (int e = 0; e < 2; e++) {
		assert_int_equal(session_create(engines[e], &sessions[e]), 0);
		assert_int_equal(session_sync(sessions[e], tokens, n, NULL), 0);
	}
	for (size_t i = 0; i < n_tokens; i++) {
		int32_t choice[2];
		const float *logits;

		for (int e = 0; e < 2; e++) {
			assert_int_equal(session_evaluate(sessions[e], NULL), 0);
			choice[e] = best(session_logits(sessions[e]), n_vocab);
		}
		logits = session_logits(sessions[0]);
		if (choice[0] != choice[1]) {
			float gap = logits[choice[0]] - logits[choice[1]];

			n_differ++;
			widest = gap > widest ? gap : widest;
		}
		for (int e = 0; e < 2; e++)
			assert_int_equal(session_append(sessions[e], choice[0]), 0);
	}
	(void)printf("%s on %s: %zu tokens, %u ties, the widest of %.3f\n", name, device, n_tokens,
		     n_differ, (double)widest);
	assert_true(widest < TIE);
	for (int e = 0; e < 2; e++)
		session_destroy(sessions[e]);
}

static void agrees(const char *file)
{
	_cleanup_free_ char *path = model_file(file);
	_cleanup_(engine_destroy_p) struct engine *first = NULL, *second = NULL;
	struct kept_log kept;

	if (!path)
		skip();
	kept_log_init(&kept);
	first = open_on(path, "cpu", &kept);
	second = open_on(path, device, &kept);
	assert_non_null(first);
	assert_non_null(second);
	compare((struct engine *[]){first, second}, file);
}

static void smollm2(void **state)
{
	(void)state;
	agrees(MODEL_SMOLLM2);
}

static void gemma3(void **state)
{
	(void)state;
	agrees(MODEL_GEMMA3);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(smollm2), cmocka_unit_test(gemma3)};

	if (argc < 2) {
		(void)fprintf(stderr, "usage: %s DEVICE [TOKENS]\n", argv[0]);
		return 2;
	}
	device = argv[1];
	if (argc > 2)
		n_tokens = strtoul(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
