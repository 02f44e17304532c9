// SPDX-License-Identifier: MIT
/*
 * Whole models on any set of devices give the logits of the reference device: in one step or many,
 * alone or beside other conversations, with every kind of cache.
 */
#include <errno.h>

#include "array.h"
#include "chosen_device.h"
#include "embedding.h"
#include "kernel_case.h"
#include "tiny_engine.h"

enum { VOCAB = 260, TEXT = 150 };

/* Rounding to int8 happens at other last bits on other devices; a layer amplifies that a little. */
static const double SAME_LOGITS = 1e-3;

static void fill_text(int32_t *tokens, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		tokens[i] = (int32_t)(seed >> 8) % 256;
	}
}

static struct tiny_model llama(void)
{
	struct tiny_model model = tiny_model_default;

	model.type = TENSOR_Q4_0;
	return model;
}

/* Six layers, because the sixth is the first that sees everything. */
static struct tiny_model gemma(void)
{
	struct tiny_model model = tiny_model_default;

	model.arch = "gemma3";
	model.n_layers = 6;
	model.window = 64;
	model.type = TENSOR_Q8_0;
	model.tied = true;
	return model;
}

/* Of a prefill step; the tests that set it set it back. */
static uint32_t n_parts;

static void open_on(struct tiny_engine *tiny, const struct tiny_model *model, const char *device,
		    uint32_t n_batch, enum kv_type kv_type)
{
	struct engine_params params = {
		.device = device,
		.split = chosen_split(device),
		.n_ctx = 256,
		.n_sessions = 3,
		.n_batch = n_batch,
		.n_parts = n_parts,
		.kv_type = kv_type,
		.cache_dir = getenv("SLM_CACHE_DIR"),
	};

	tiny_engine_init(tiny, model, &params);
}

static void logits_of(struct engine *engine, const int32_t *tokens, size_t n, float *ret_logits)
{
	struct session *session;

	assert_int_equal(session_create(engine, &session), 0);
	assert_int_equal(session_sync(session, tokens, n, NULL), 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	memcpy(ret_logits, session_logits(session), VOCAB * sizeof(*ret_logits));
	session_destroy(session);
}

/* The logits after the first lengths[i] tokens of a text, for each i. */
enum { LENGTHS = 7 };
static const size_t lengths[LENGTHS] = {1, 2, 63, 64, 65, 100, TEXT};

static void wanted_logits(const struct tiny_model *model, enum kv_type kv_type,
			  float wanted[LENGTHS][VOCAB])
{
	struct tiny_engine reference;
	int32_t text[TEXT];

	fill_text(text, TEXT, 9);
	open_on(&reference, model, "reference", 512, kv_type);
	for (int i = 0; i < LENGTHS; i++)
		logits_of(reference.engine, text, lengths[i], wanted[i]);
	tiny_engine_finish(&reference);
}

static void check_model(const struct tiny_model *model, uint32_t n_batch, enum kv_type kv_type)
{
	static float wanted[LENGTHS][VOCAB];
	struct tiny_engine tiny;
	int32_t text[TEXT];
	float got[VOCAB];

	fill_text(text, TEXT, 9);
	wanted_logits(model, kv_type, wanted);
	open_on(&tiny, model, chosen.selector, n_batch, kv_type);
	for (int i = 0; i < LENGTHS; i++) {
		logits_of(tiny.engine, text, lengths[i], got);
		assert_true(nmse(wanted[i], got, VOCAB) < SAME_LOGITS);
	}
	tiny_engine_finish(&tiny);
}

static void llama_is_right(void **state)
{
	struct tiny_model model = llama();

	(void)state;
	check_model(&model, 512, KV_F16);
}

static void gemma_is_right(void **state)
{
	struct tiny_model model = gemma();

	(void)state;
	check_model(&model, 512, KV_F16);
}

/* As files are made that give each matrix what it needs: gates and ups differ too. */
static void mixed_types_are_right(void **state)
{
	/* Programs of OpenCL hold all types of a file, and each costs seconds to compile. */
	bool is_native = strcmp(chosen.selector, "cpu") == 0;
	struct tiny_model model = llama();

	(void)state;
	model.n_mixed = is_native ? TINY_TYPES : 3;
	model.tied = false;
	model.gain = 0.5f;
	check_model(&model, 512, KV_F16);
	model.n_ff = 256;
	model.n_experts = 6;
	model.n_experts_used = 2;
	check_model(&model, 512, KV_F16);
}

static void small_batches_are_right(void **state)
{
	struct tiny_model model = gemma();

	(void)state;
	check_model(&model, 7, KV_F16);
}

static void a_rounded_cache_is_right(void **state)
{
	struct tiny_model model = llama();

	(void)state;
	check_model(&model, 512, KV_Q8_0);
}

/* Three conversations in common steps, of lengths that cross pages and batches. */
static void conversations_share_steps(void **state)
{
	static const size_t sizes[3] = {TEXT, 1, 70};
	struct tiny_model model = gemma();
	struct tiny_engine tiny;
	struct session *sessions[3];
	int32_t text[3][TEXT];
	float together[3][VOCAB], alone[VOCAB];
	int64_t left;

	(void)state;
	open_on(&tiny, &model, chosen.selector, 32, KV_F16);
	for (int i = 0; i < 3; i++) {
		fill_text(text[i], TEXT, (uint32_t)i + 20);
		assert_int_equal(session_create(tiny.engine, &sessions[i]), 0);
		assert_int_equal(session_sync(sessions[i], text[i], sizes[i], NULL), 0);
	}
	do {
		left = engine_step(tiny.engine, sessions, 3);
		assert_true(left >= 0);
	} while (left > 0);
	for (int i = 0; i < 3; i++) {
		memcpy(together[i], session_logits(sessions[i]), sizeof(together[i]));
		session_destroy(sessions[i]);
	}
	for (int i = 0; i < 3; i++) {
		logits_of(tiny.engine, text[i], sizes[i], alone);
		assert_true(nmse(alone, together[i], VOCAB) < SAME_LOGITS);
	}
	tiny_engine_finish(&tiny);
}

static void prefill_in_parts_is_right(void **state)
{
	static const uint32_t counts[] = {2, 16};

	if (chosen.n == 1)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		n_parts = counts[i];
		gemma_is_right(state);
		small_batches_are_right(state);
		conversations_share_steps(state);
	}
	n_parts = 0;
}

static int32_t best(const float *logits)
{
	int32_t best = 0;

	for (int32_t v = 1; v < VOCAB; v++)
		best = logits[v] > logits[best] ? v : best;
	return best;
}

/* Greedy text, one token at a time, from the reference and from the devices. */
static void decode(struct engine *engine, const int32_t *text, size_t n, int32_t *ret_tokens, int k)
{
	struct session *session;

	assert_int_equal(session_create(engine, &session), 0);
	assert_int_equal(session_sync(session, text, n, NULL), 0);
	for (int i = 0; i < k; i++) {
		assert_int_equal(session_evaluate(session, NULL), 0);
		ret_tokens[i] = best(session_logits(session));
		assert_int_equal(session_append(session, ret_tokens[i]), 0);
	}
	session_destroy(session);
}

static void greedy_text_is_the_same(void **state)
{
	enum { DECODED = 20 };
	struct tiny_model model = llama();
	struct tiny_engine reference, tiny;
	int32_t text[50], wanted[DECODED], got[DECODED];

	(void)state;
	fill_text(text, 50, 77);
	open_on(&reference, &model, "reference", 512, KV_F16);
	decode(reference.engine, text, 50, wanted, DECODED);
	tiny_engine_finish(&reference);
	open_on(&tiny, &model, chosen.selector, 512, KV_F16);
	decode(tiny.engine, text, 50, got, DECODED);
	assert_memory_equal(got, wanted, sizeof(wanted));
	tiny_engine_finish(&tiny);
}

/* Asks, answers, and asks again after a part of the answer, so that the cache moves both ways. */
static void talk(const struct tiny_model *model, const char *const devices[PHASES],
		 int32_t ret_tokens[static 30])
{
	struct engine_params params = {
		.phase_device = {devices[PHASE_PREFILL], devices[PHASE_DECODE]},
		.n_ctx = 256,
		.n_batch = 40,
		.cache_dir = getenv("SLM_CACHE_DIR"),
	};
	struct tiny_engine tiny;
	struct session *session;
	int32_t text[TEXT];

	params.device = devices[PHASE_PREFILL];
	tiny_engine_init(&tiny, model, &params);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	fill_text(text, TEXT, 31);
	for (size_t turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < 10; i++) {
			size_t n = 50 + 30 * turn + i;

			if (i == 0)
				assert_int_equal(session_sync(session, text, n, NULL), 0);
			assert_int_equal(session_evaluate(session, NULL), 0);
			ret_tokens[10 * turn + i] = best(session_logits(session));
			text[n] = ret_tokens[10 * turn + i];
			assert_int_equal(session_append(session, text[n]), 0);
		}
	}
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

static void phases_have_devices_of_their_own(void **state)
{
	static const char *const plain[PHASES] = {"reference", "reference"};
	const char *const mixes[][PHASES] = {{chosen.selector, "reference"},
					     {"reference", chosen.selector},
					     {chosen.selector, "cpu"}};
	const struct tiny_model models[] = {llama(), gemma()};
	int32_t wanted[30], got[30];

	(void)state;
	if (chosen.n > 1)
		skip();
	for (size_t m = 0; m < ARRAY_SIZE(models); m++) {
		talk(&models[m], plain, wanted);
		for (size_t i = 0; i < ARRAY_SIZE(mixes); i++) {
			talk(&models[m], mixes[i], got);
			assert_memory_equal(got, wanted, sizeof(got));
		}
	}
}

/* ---- embeddings ---- */

enum { EMBD = 256 };

static void embedding_of(const struct tiny_model *model, const char *device, uint32_t n_batch,
			 enum pooling pooling, float ret_vectors[static EMBD])
{
	struct engine_params engine_params = {.device = device,
					      .split = chosen_split(device),
					      .n_ctx = 256,
					      .n_batch = n_batch,
					      .embeddings = true,
					      .cache_dir = getenv("SLM_CACHE_DIR")};
	const struct embedding_params params = {.pooling = pooling, .normalize = true};
	struct tiny_engine tiny;
	struct session *session;
	int32_t text[TEXT];

	fill_text(text, TEXT, 3);
	tiny_engine_init(&tiny, model, &engine_params);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	assert_int_equal(session_embed(session, text, TEXT, &params, ret_vectors), 0);
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

static void embeddings_are_right(void **state)
{
	static const enum pooling poolings[] = {POOLING_MEAN, POOLING_LAST};
	static const uint32_t batches[] = {256, 7};
	const struct tiny_model models[] = {llama(), gemma()};
	float wanted[EMBD], got[EMBD];

	(void)state;
	for (size_t m = 0; m < ARRAY_SIZE(models); m++) {
		for (size_t i = 0; i < ARRAY_SIZE(poolings); i++) {
			embedding_of(&models[m], "reference", 256, poolings[i], wanted);
			embedding_of(&models[m], chosen.selector, batches[i], poolings[i], got);
			assert_true(nmse(wanted, got, EMBD) < SAME_LOGITS);
		}
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(llama_is_right),
		cmocka_unit_test(gemma_is_right),
		cmocka_unit_test(mixed_types_are_right),
		cmocka_unit_test(small_batches_are_right),
		cmocka_unit_test(a_rounded_cache_is_right),
		cmocka_unit_test(conversations_share_steps),
		cmocka_unit_test(prefill_in_parts_is_right),
		cmocka_unit_test(greedy_text_is_the_same),
		cmocka_unit_test(phases_have_devices_of_their_own),
		cmocka_unit_test(embeddings_are_right),
	};

	return chosen_run(argc, argv, tests);
}
