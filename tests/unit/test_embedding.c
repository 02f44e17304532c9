// SPDX-License-Identifier: MIT
/* Embeddings of tiny random models: what they are made of, how they are pooled, what is refused. */
#include <errno.h>
#include <math.h>

#include "array.h"
#include "cleanup.h"
#include "arch_cases.h"
#include "embedding.h"
#include "generate.h"
#include "tiny_engine.h"

enum { TEXT = 100, VOCAB = 260, EMBD = 256 };

static void fill_text(int32_t *tokens, size_t n)
{
	uint32_t seed = 5;

	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		tokens[i] = (int32_t)(seed >> 8) % 256;
	}
}

/* Its head is its embedding, in floats, so that tests can apply it. */
static struct tiny_model floats(const char *arch)
{
	struct tiny_model model = tiny_model_default;

	model.arch = arch;
	model.type = TENSOR_F32;
	model.tied = true;
	model.window = strcmp(arch, "gemma3") == 0 ? 64 : 0;
	return model;
}

static void embed(const struct tiny_model *model, uint32_t n_batch, enum pooling pooling,
		  bool normalize, float *ret_vectors)
{
	struct engine_params engine_params = {.n_ctx = 256, .n_batch = n_batch, .embeddings = true};
	struct embedding_params params = {.pooling = pooling, .normalize = normalize};
	struct session *session;
	struct tiny_engine tiny;
	int32_t text[TEXT];

	fill_text(text, TEXT);
	tiny_engine_init(&tiny, model, &engine_params);
	assert_int_equal(engine_n_result(tiny.engine), EMBD);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	/* Whatever came before, beginnings in common included. */
	assert_int_equal(session_embed(session, text, 70, &params, ret_vectors), 0);
	assert_int_equal(session_embed(session, text, TEXT, &params, ret_vectors), 0);
	assert_null(session_logits(session));
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

static void check_near(const float *got, const float *wanted, size_t n, float room)
{
	for (size_t i = 0; i < n; i++) {
		if (!(fabsf(got[i] - wanted[i]) <= room))
			fail_msg("number %zu is %g and should be %g", i, (double)got[i],
				 (double)wanted[i]);
	}
}

/* ---- what they are ---- */

static void last_logits(const struct tiny_model *model, float ret_logits[static VOCAB])
{
	struct engine_params params = {.n_ctx = 256};
	struct session *session;
	struct tiny_engine tiny;
	int32_t text[TEXT];

	fill_text(text, TEXT);
	tiny_engine_init(&tiny, model, &params);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	assert_int_equal(session_sync(session, text, TEXT, NULL), 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	memcpy(ret_logits, session_logits(session), VOCAB * sizeof(*ret_logits));
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

static void apply_head(const struct tiny_model *model, const float *state, float *ret_logits)
{
	struct tiny_engine tiny;
	struct gguf *gguf;
	const float *head;

	tiny_engine_write(&tiny, model);
	assert_int_equal(gguf_open(tiny.path, NULL, &gguf), 0);
	head = (const float *)gguf_find_tensor(gguf, "token_embd.weight")->data;
	for (int v = 0; v < VOCAB; v++) {
		double sum = 0;

		for (int i = 0; i < EMBD; i++)
			sum += (double)head[v * EMBD + i] * (double)state[i];
		ret_logits[v] = (float)sum;
	}
	gguf_close(gguf);
	tiny_engine_finish(&tiny);
}

static void the_head_makes_logits_of_them(void **state)
{
	static const char *const archs[] = {"llama", "gemma3"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++) {
		struct tiny_model model = floats(archs[i]);
		float last[EMBD], wanted[VOCAB], got[VOCAB];

		embed(&model, 0, POOLING_LAST, false, last);
		apply_head(&model, last, got);
		last_logits(&model, wanted);
		check_near(got, wanted, VOCAB, 1e-4f);
	}
}

/* ---- pooling ---- */

static void mean_of(const float *rows, float ret_mean[static EMBD])
{
	for (int i = 0; i < EMBD; i++) {
		double sum = 0;

		for (int t = 0; t < TEXT; t++)
			sum += (double)rows[t * EMBD + i];
		ret_mean[i] = (float)(sum / TEXT);
	}
}

/* In one step or in many, which a mean is summed over. */
static void poolings_agree_with_the_rows(void **state)
{
	static const uint32_t batches[] = {256, 7};
	_cleanup_free_ float *rows = calloc(TEXT, EMBD * sizeof(*rows));
	struct tiny_model model = floats("llama");
	float got[EMBD], mean[EMBD];

	(void)state;
	assert_non_null(rows);
	embed(&model, 256, POOLING_NONE, false, rows);
	mean_of(rows, mean);
	for (size_t b = 0; b < ARRAY_SIZE(batches); b++) {
		embed(&model, batches[b], POOLING_MEAN, false, got);
		check_near(got, mean, EMBD, 1e-5f);
		embed(&model, batches[b], POOLING_CLS, false, got);
		check_near(got, rows, EMBD, 1e-5f);
		embed(&model, batches[b], POOLING_LAST, false, got);
		check_near(got, rows + (TEXT - 1) * EMBD, EMBD, 1e-5f);
	}
}

static double length_of(const float *vector)
{
	double square = 0;

	for (int i = 0; i < EMBD; i++)
		square += (double)vector[i] * (double)vector[i];
	return sqrt(square);
}

static void normalizing_keeps_directions(void **state)
{
	_cleanup_free_ float *rows = calloc(TEXT, EMBD * sizeof(*rows));
	_cleanup_free_ float *plain = calloc(TEXT, EMBD * sizeof(*plain));
	struct tiny_model model = floats("llama");

	(void)state;
	assert_true(rows && plain);
	embed(&model, 0, POOLING_NONE, true, rows);
	embed(&model, 0, POOLING_NONE, false, plain);
	for (int t = 0; t < TEXT; t++) {
		float *row = rows + t * EMBD;
		double length = length_of(plain + t * EMBD);

		assert_true(fabs(length_of(row) - 1) < 1e-5);
		for (int i = 0; i < EMBD; i++)
			row[i] = (float)((double)row[i] * length);
		check_near(row, plain + t * EMBD, EMBD, 1e-4f);
	}
}

/* ---- what the file says ---- */

/* An engine of a file that sets llama.pooling_type to NUMBER; what its creation gave. */
static int load_with_pooling(struct tiny_engine *tiny, uint32_t number)
{
	struct engine_params params = {.device = "cpu", .n_ctx = 64, .embeddings = true};
	struct gguf_maker maker;

	tiny_engine_write(tiny, &tiny_model_default);
	tiny_model_make(&tiny_model_default, &maker);
	gguf_maker_u32(&maker, "llama.pooling_type", number);
	gguf_maker_write(&maker, tiny->path);
	gguf_maker_finish(&maker);
	params.model_path = tiny->path;
	params.log = &tiny->kept.log;
	return engine_create(&params, &tiny->engine);
}

static void the_file_says_how_to_pool(void **state)
{
	enum pooling got;

	(void)state;
	for (uint32_t number = POOLING_NONE; number <= POOLING_LAST; number++) {
		struct tiny_engine tiny;

		assert_int_equal(load_with_pooling(&tiny, number), 0);
		assert_int_equal(embedding_pooling(tiny.engine, POOLING_UNSAID, &got), 0);
		assert_int_equal(got, number);
		assert_int_equal(embedding_pooling(tiny.engine, POOLING_CLS, &got), 0);
		assert_int_equal(got, POOLING_CLS);
		tiny_engine_finish(&tiny);
	}
}

static void without_a_word_it_is_the_mean(void **state)
{
	struct engine_params params = {.n_ctx = 64, .embeddings = true};
	struct tiny_engine tiny;
	enum pooling got;

	(void)state;
	tiny_engine_init(&tiny, &tiny_model_default, &params);
	assert_int_equal(embedding_pooling(tiny.engine, POOLING_UNSAID, &got), 0);
	assert_int_equal(got, POOLING_MEAN);
	tiny_engine_finish(&tiny);
}

static void a_ranking_file_wants_another_pooling(void **state)
{
	struct tiny_engine tiny;
	enum pooling got;

	(void)state;
	assert_int_equal(load_with_pooling(&tiny, POOLING_RANK), 0);
	assert_int_equal(embedding_pooling(tiny.engine, POOLING_UNSAID, &got), -ENOTSUP);
	assert_non_null(strstr(tiny.kept.text, "ranks texts"));
	assert_int_equal(embedding_pooling(tiny.engine, POOLING_LAST, &got), 0);
	tiny_engine_finish(&tiny);
}

static void a_pooling_of_no_meaning_is_refused(void **state)
{
	static const uint32_t numbers[] = {POOLING_UNSAID, POOLING_UNSAID + 1, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct tiny_engine tiny;

		assert_int_equal(load_with_pooling(&tiny, numbers[i]), -EBADMSG);
		assert_non_null(strstr(tiny.kept.text, "llama.pooling_type"));
		tiny_engine_finish(&tiny);
	}
}

/* ---- what an engine is not for ---- */

static void no_answers_from_an_engine_of_embeddings(void **state)
{
	struct engine_params engine_params = {.n_ctx = 64, .embeddings = true};
	struct generate_params params = {.sampler = sampler_defaults, .max_tokens = 1};
	struct generate_result result;
	struct session *session;
	struct tiny_engine tiny;
	int32_t token = 7;

	(void)state;
	tiny_engine_init(&tiny, &tiny_model_default, &engine_params);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	assert_int_equal(generate(session, &token, 1, &params, &result), -EINVAL);
	assert_non_null(strstr(tiny.kept.text, "embeddings"));
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

static void no_embeddings_from_an_engine_of_answers(void **state)
{
	struct engine_params params = {.n_ctx = 64};
	struct tiny_engine tiny;
	enum pooling got;

	(void)state;
	tiny_engine_init(&tiny, &tiny_model_default, &params);
	assert_int_equal(embedding_pooling(tiny.engine, POOLING_MEAN, &got), -EINVAL);
	assert_non_null(strstr(tiny.kept.text, "not loaded to make embeddings"));
	tiny_engine_finish(&tiny);
}

static void impossible_texts_are_refused(void **state)
{
	struct engine_params engine_params = {.n_ctx = 64, .embeddings = true};
	struct embedding_params params = {.pooling = POOLING_LAST};
	struct session *session;
	struct tiny_engine tiny;
	int32_t text[TEXT];
	float vector[EMBD];

	(void)state;
	fill_text(text, TEXT);
	tiny_engine_init(&tiny, &tiny_model_default, &engine_params);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	assert_int_equal(session_embed(session, text, 0, &params, vector), -EINVAL);
	assert_int_equal(session_embed(session, text, TEXT, &params, vector), -E2BIG);
	text[3] = VOCAB;
	assert_int_equal(session_embed(session, text, 10, &params, vector), -EINVAL);
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

static void a_canceled_embedding_leaves_the_session_usable(void **state)
{
	struct engine_params engine_params = {.n_ctx = 256, .n_batch = 8, .embeddings = true};
	atomic_int cancel = 1;
	struct embedding_params params = {.pooling = POOLING_MEAN, .cancel = &cancel};
	float vector[EMBD], wanted[EMBD];
	struct tiny_model model = floats("llama");
	struct session *session;
	struct tiny_engine tiny;
	int32_t text[TEXT];

	(void)state;
	fill_text(text, TEXT);
	embed(&model, 8, POOLING_MEAN, false, wanted);
	tiny_engine_init(&tiny, &model, &engine_params);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	assert_int_equal(session_embed(session, text, TEXT, &params, vector), -ECANCELED);
	atomic_store(&cancel, 0);
	assert_int_equal(session_embed(session, text, TEXT, &params, vector), 0);
	check_near(vector, wanted, EMBD, 1e-6f);
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

/* ---- encoders ---- */

static void an_encoder_makes_no_text(void **state)
{
	struct engine_params params = {.device = "cpu"};
	struct engine_estimate estimate;
	struct tiny_engine tiny;

	(void)state;
	tiny_engine_write(&tiny, &arch_case_find("bert")->model);
	params.model_path = tiny.path;
	params.log = &tiny.kept.log;
	assert_int_equal(engine_create(&params, &tiny.engine), -ENOTSUP);
	assert_int_equal(tiny.kept.n, 1);
	assert_non_null(strstr(tiny.kept.text, "is an encoder"));
	assert_non_null(strstr(tiny.kept.text, "use slm embed"));
	/* but who asks about it is answered */
	assert_int_equal(engine_estimate(&params, &estimate), 0);
	assert_int_equal(estimate.n_ctx, 160);
	params.plan_only = true;
	assert_int_equal(engine_create(&params, &tiny.engine), 0);
	assert_true(engine_makes_embeddings(tiny.engine));
	tiny_engine_finish(&tiny);
}

static void an_encoder_has_no_more_positions_than_it_learned(void **state)
{
	struct engine_params params = {.device = "cpu", .n_ctx = 161, .embeddings = true};
	struct tiny_engine tiny;

	(void)state;
	tiny_engine_write(&tiny, &arch_case_find("bert")->model);
	params.model_path = tiny.path;
	params.log = &tiny.kept.log;
	assert_int_equal(engine_create(&params, &tiny.engine), -EINVAL);
	assert_non_null(strstr(tiny.kept.text, "takes texts of at most 160 tokens"));
	tiny_engine_finish(&tiny);
}

static void an_encoder_takes_texts_whole(void **state)
{
	struct engine_params engine_params = {.n_batch = 8, .embeddings = true};
	struct embedding_params params = {.pooling = POOLING_MEAN};
	struct session *session;
	struct tiny_engine tiny;
	int32_t text[161] = {0};
	float vector[EMBD];

	(void)state;
	tiny_engine_init(&tiny, &arch_case_find("bert")->model, &engine_params);
	assert_int_equal(engine_n_ctx(tiny.engine), 160);
	assert_int_equal(engine_n_batch(tiny.engine), 160);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	assert_int_equal(session_embed(session, text, 160, &params, vector), 0);
	assert_int_equal(session_embed(session, text, 161, &params, vector), -E2BIG);
	assert_non_null(strstr(tiny.kept.text, "161 tokens and the context holds 160"));
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

static void keep_first(void *data, uint32_t position, const float *state)
{
	if (position == 0)
		memcpy(data, state, 96 * sizeof(*state));
}

/* What comes after changes what came before: nothing is kept. */
static void an_encoder_reads_anew(void **state)
{
	struct engine_params params = {.embeddings = true};
	float grown[EMBD] = {0}, whole[EMBD] = {0}, before[EMBD];
	struct session *session;
	struct tiny_engine tiny;
	int32_t text[30];

	(void)state;
	fill_text(text, 30);
	tiny_engine_init(&tiny, &arch_case_find("bert")->model, &params);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	session_observe(session, 0, keep_first, grown);
	assert_int_equal(session_sync(session, text, 28, NULL), 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	memcpy(before, grown, sizeof(before));
	assert_int_equal(session_append(session, text[28]), 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	assert_memory_not_equal(before, grown, 96 * sizeof(float));
	assert_int_equal(session_sync(session, text, 30, NULL), 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	session_clear(session);
	session_observe(session, 0, keep_first, whole);
	assert_int_equal(session_sync(session, text, 30, NULL), 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	check_near(grown, whole, 96, 1e-6f);
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_head_makes_logits_of_them),
		cmocka_unit_test(poolings_agree_with_the_rows),
		cmocka_unit_test(normalizing_keeps_directions),
		cmocka_unit_test(the_file_says_how_to_pool),
		cmocka_unit_test(without_a_word_it_is_the_mean),
		cmocka_unit_test(a_ranking_file_wants_another_pooling),
		cmocka_unit_test(a_pooling_of_no_meaning_is_refused),
		cmocka_unit_test(no_answers_from_an_engine_of_embeddings),
		cmocka_unit_test(no_embeddings_from_an_engine_of_answers),
		cmocka_unit_test(impossible_texts_are_refused),
		cmocka_unit_test(a_canceled_embedding_leaves_the_session_usable),
		cmocka_unit_test(an_encoder_makes_no_text),
		cmocka_unit_test(an_encoder_has_no_more_positions_than_it_learned),
		cmocka_unit_test(an_encoder_takes_texts_whole),
		cmocka_unit_test(an_encoder_reads_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
