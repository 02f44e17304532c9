// SPDX-License-Identifier: MIT
/* What uapi/slm.h promises, on tiny models: versions of structs, capacities, threads, cancellation. */
#include <errno.h>
#include <pthread.h>
#include <slm.h>
#include <sched.h>
#include <stdatomic.h>

#include "arch_cases.h"
#include "array.h"
#include "tiny_adapter.h"
#include "tiny_engine.h"

enum { TEXT = 40, ANSWER = 24, ROUNDS = 4 };

struct fixture {
	struct tiny_engine file; /* its engine stays NULL */
	char text[2048];	 /* the last message */
};

static void keep_message(void *data, enum slm_log_level level, const char *text)
{
	struct fixture *fixture = data;

	(void)level;
	strncpy(fixture->text, text, sizeof(fixture->text) - 1);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	tiny_engine_write(&fixture->file, &tiny_model_default);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	tiny_engine_finish(&fixture->file);
	free(fixture);
	return 0;
}

static struct slm_engine_params params_of(struct fixture *fixture)
{
	return (struct slm_engine_params){
		.size_bytes = sizeof(struct slm_engine_params),
		.model_path = fixture->file.path,
		.device = "cpu",
		.cache_dir = "",
		.n_threads = 2,
		.n_sessions = 2,
		.log = {keep_message, fixture, SLM_LOG_WARNING},
	};
}

static struct slm_engine *load(struct fixture *fixture)
{
	struct slm_engine_params params = params_of(fixture);
	struct slm_engine *engine;

	assert_int_equal(slm_engine_create(&params, &engine), 0);
	return engine;
}

static void fill_text(int32_t *tokens, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		tokens[i] = (int32_t)(seed >> 8) % 256;
	}
}

static struct slm_generate_params greedy(void)
{
	struct slm_generate_params params;

	slm_generate_params_init(&params, sizeof(params));
	params.temperature = 0;
	params.max_tokens = ANSWER;
	params.flags = SLM_GENERATE_IGNORE_END;
	return params;
}

/* ---- embeddings ---- */

enum { EMBD = 256 };

static void embeddings_keep_to_capacities(void **state)
{
	struct slm_engine_params params = params_of(*state);
	struct slm_embed_params each = {
		.size_bytes = sizeof(each), .pooling = SLM_POOLING_NONE, .flags = SLM_EMBED_RAW};
	float vectors[3 * EMBD + 1] = {[EMBD] = -7};
	const int32_t tokens[] = {1, 2, 3};
	struct slm_session *session;
	struct slm_engine *engine;
	double square = 0;
	size_t n;

	params.flags = SLM_ENGINE_EMBEDDINGS;
	assert_int_equal(slm_engine_create(&params, &engine), 0);
	assert_int_equal(slm_session_create(engine, &session), 0);
	assert_int_equal(slm_embed(session, tokens, 3, NULL, vectors, EMBD - 1, &n), -ENOSPC);
	assert_int_equal(n, EMBD);
	assert_int_equal(slm_embed(session, tokens, 3, NULL, vectors, EMBD, &n), 0);
	for (int i = 0; i < EMBD; i++)
		square += (double)vectors[i] * (double)vectors[i];
	assert_true(square > 0.9999 && square < 1.0001);
	assert_true(vectors[EMBD] == -7);
	assert_int_equal(slm_embed(session, tokens, 3, &each, vectors, 2 * EMBD, &n), -ENOSPC);
	assert_int_equal(slm_embed(session, tokens, 3, &each, vectors, 3 * EMBD, &n), 0);
	assert_int_equal(n, 3 * EMBD);
	assert_null(slm_session_logits(session));
	slm_session_destroy(session);
	slm_engine_destroy(engine);
}

static void encoders_make_embeddings(void **state)
{
	struct slm_engine_params params = params_of(*state);
	float one[96], other[96];
	struct slm_session *session;
	struct slm_engine *engine;
	struct fixture *fixture = *state;
	struct tiny_engine file;
	int32_t tokens[16];
	size_t n, n_vector;

	tiny_engine_write(&file, &arch_case_find("bert")->model);
	params.model_path = file.path;
	assert_int_equal(slm_engine_create(&params, &engine), -ENOTSUP);
	assert_non_null(strstr(fixture->text, "is an encoder"));
	params.flags = SLM_ENGINE_EMBEDDINGS;
	assert_int_equal(slm_engine_create(&params, &engine), 0);
	assert_int_equal(slm_session_create(engine, &session), 0);
	assert_int_equal(slm_tokenize(engine, "the Fox", 7, SLM_TEXT_ADD_SPECIAL, tokens, 16, &n),
			 0);
	assert_int_equal(n, 4);
	assert_int_equal(tokens[0], 101);
	assert_int_equal(tokens[3], 102);
	assert_int_equal(slm_embed(session, tokens, n, NULL, one, 96, &n_vector), 0);
	assert_int_equal(n_vector, 96);
	tokens[3] = tokens[2];
	assert_int_equal(slm_embed(session, tokens, n, NULL, other, 96, &n_vector), 0);
	assert_memory_not_equal(one, other, sizeof(one));
	slm_session_destroy(session);
	slm_engine_destroy(engine);
	tiny_engine_finish(&file);
}

static void impossible_embeddings_are_refused(void **state)
{
	struct fixture *fixture = *state;
	static const struct slm_embed_params wrong[] = {
		{.size_bytes = sizeof(wrong[0]), .pooling = SLM_POOLING_LAST + 1},
		{.size_bytes = sizeof(wrong[0]), .flags = 0x80},
		{.size_bytes = 1},
	};
	struct slm_engine_params params = params_of(fixture);
	struct slm_engine *engine, *answering = load(fixture);
	struct slm_session *session;
	const int32_t token = 1;
	float vector[EMBD];
	size_t n;

	params.flags = SLM_ENGINE_EMBEDDINGS;
	assert_int_equal(slm_engine_create(&params, &engine), 0);
	assert_int_equal(slm_session_create(engine, &session), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(slm_embed(session, &token, 1, &wrong[i], vector, EMBD, &n),
				 -EINVAL);
	slm_session_destroy(session);
	slm_engine_destroy(engine);
	assert_int_equal(slm_session_create(answering, &session), 0);
	assert_int_equal(slm_embed(session, &token, 1, NULL, vector, EMBD, &n), -EINVAL);
	assert_non_null(strstr(fixture->text, "not loaded to make embeddings"));
	slm_session_destroy(session);
	slm_engine_destroy(answering);
}

/* ---- structs of other versions ---- */

static void smaller_structs_are_older_ones(void **state)
{
	struct slm_engine_params params = params_of(*state);
	struct slm_engine *engine;

	/* What an older header has not got is what it would be when zero. */
	params.size_bytes = offsetof(struct slm_engine_params, progress);
	params.n_sessions = 1;
	assert_int_equal(slm_engine_create(&params, &engine), 0);
	slm_engine_destroy(engine);
}

static void larger_structs_may_only_hold_zeros(void **state)
{
	struct {
		struct slm_engine_params params;
		uint64_t news;
	} newer = {params_of(*state), 0};
	struct slm_engine *engine;

	newer.params.size_bytes = sizeof(newer);
	assert_int_equal(slm_engine_create(&newer.params, &engine), 0);
	slm_engine_destroy(engine);
	newer.news = 1;
	assert_int_equal(slm_engine_create(&newer.params, &engine), -EINVAL);
}

static void sizes_that_no_version_has_are_refused(void **state)
{
	struct slm_engine_params params = params_of(*state);
	struct slm_engine *engine;

	params.size_bytes = 0;
	assert_int_equal(slm_engine_create(&params, &engine), -EINVAL);
	params.size_bytes = 1 << 20;
	assert_int_equal(slm_engine_create(&params, &engine), -EINVAL);
}

static void results_stay_within_the_callers_struct(void **state)
{
	struct slm_engine *engine = load(*state);
	struct slm_engine_info info;

	memset(&info, 0x55, sizeof(info));
	info.size_bytes = offsetof(struct slm_engine_info, n_ctx);
	assert_int_equal(slm_engine_info(engine, &info), 0);
	assert_string_equal(info.architecture, "llama");
	assert_string_equal(info.devices, "cpu");
	assert_int_equal(info.n_ctx, 0x55555555);
	info.size_bytes = sizeof(info);
	assert_int_equal(slm_engine_info(engine, &info), 0);
	assert_int_equal(info.n_vocab, tiny_model_default.n_vocab);
	slm_engine_destroy(engine);
}

/* ---- what is refused, and told ---- */

struct refusal {
	const char *what;
	void (*spoil)(struct slm_engine_params *params);
	int error;
	const char *message; /* part of it */
};

static void no_path(struct slm_engine_params *params)
{
	params->model_path = NULL;
}

static void missing_file(struct slm_engine_params *params)
{
	params->model_path = "/nonexistent/model.gguf";
}

static void odd_type(struct slm_engine_params *params)
{
	params->kv_type = 7;
}

static void odd_flag(struct slm_engine_params *params)
{
	params->flags = 0x80;
}

static void odd_device(struct slm_engine_params *params)
{
	params->device = "abacus";
}

static void many_threads(struct slm_engine_params *params)
{
	params->n_threads = 100000;
}

static void many_adapters(struct slm_engine_params *params)
{
	params->n_adapters = 17;
}

static void announced_adapters(struct slm_engine_params *params)
{
	params->n_adapters = 2;
}

static void no_adapter_path(struct slm_engine_params *params)
{
	static const struct slm_adapter adapter = {.scale = 1};

	params->adapters = &adapter;
	params->n_adapters = 1;
}

static void missing_adapter(struct slm_engine_params *params)
{
	static const struct slm_adapter adapter = {.path = "/nonexistent/lora.gguf", .scale = 1};

	params->adapters = &adapter;
	params->n_adapters = 1;
}

static const struct refusal refusals[] = {
	{"no path", no_path, -EINVAL, "no model"},
	{"a missing file", missing_file, -ENOENT, "/nonexistent/model.gguf"},
	{"an unknown cache type", odd_type, -EINVAL, "type 7"},
	{"an unknown flag", odd_flag, -EINVAL, "0x80"},
	{"an unknown device", odd_device, -ENODEV, "abacus"},
	{"too many threads", many_threads, -EINVAL, "100000"},
	{"too many adapters", many_adapters, -EINVAL, "at most 16"},
	{"adapters that are not there", announced_adapters, -EINVAL, "none is there"},
	{"an adapter without a path", no_adapter_path, -EINVAL, "has no path"},
	{"a missing adapter", missing_adapter, -ENOENT, "/nonexistent/lora.gguf"},
};

static void impossible_params_are_refused(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct slm_engine_params params = params_of(fixture);
		struct slm_engine *engine = NULL;

		refusals[i].spoil(&params);
		fixture->text[0] = '\0';
		if (slm_engine_create(&params, &engine) != refusals[i].error || engine ||
		    !strstr(fixture->text, refusals[i].message))
			fail_msg("%s: '%s'", refusals[i].what, fixture->text);
	}
}

static int stop_at_once(void *data, const char *doing, uint64_t done, uint64_t total)
{
	(void)doing;
	assert_true(done <= total);
	++*(int *)data;
	return 1;
}

static void a_load_can_be_ended(void **state)
{
	struct slm_engine_params params = params_of(*state);
	struct slm_engine *engine;
	int n = 0;

	params.progress = stop_at_once;
	params.progress_data = &n;
	/* One thread reports; with more, others may do all the work of so small a model. */
	params.n_threads = 1;
	assert_int_equal(slm_engine_create(&params, &engine), -ECANCELED);
	assert_int_equal(n, 1);
}

static void an_estimate_needs_no_load(void **state)
{
	struct slm_engine_params params = params_of(*state);
	struct slm_estimate estimate = {.size_bytes = sizeof(estimate)};

	assert_int_equal(slm_estimate(&params, &estimate), 0);
	assert_true(estimate.weight_bytes > 0 && estimate.kv_bytes > 0);
	assert_int_equal(estimate.total_bytes,
			 estimate.weight_bytes + estimate.kv_bytes + estimate.value_bytes);
}

/* ---- text ---- */

static void capacities_are_kept(void **state)
{
	struct slm_engine *engine = load(*state);
	int32_t tokens[8] = {[4] = -7};
	char text[8] = "xxxxxxx";
	size_t n;

	assert_int_equal(slm_tokenize(engine, "hello", 5, 0, NULL, 0, &n), -ENOSPC);
	assert_int_equal(n, 5);
	assert_int_equal(slm_tokenize(engine, "hello", 5, 0, tokens, 4, &n), -ENOSPC);
	assert_int_equal(tokens[4], -7);
	assert_int_equal(slm_tokenize(engine, "hello", 5, 0, tokens, 8, &n), 0);
	assert_int_equal(n, 5);
	assert_int_equal(slm_detokenize(engine, tokens, n, 0, text, 3, &n), -ENOSPC);
	assert_int_equal(n, 5);
	assert_string_equal(text + 3, "xxxx");
	assert_int_equal(slm_detokenize(engine, tokens, 5, 0, text, sizeof(text), &n), 0);
	assert_memory_equal(text, "hello", 5);
	slm_engine_destroy(engine);
}

static void messages_become_tokens(void **state)
{
	struct slm_engine *engine = load(*state);
	const struct slm_message messages[] = {{"user", "ab", 0}, {"user", "cdef", 2}};
	int32_t tokens[16];
	size_t n;

	/* The tiny model has no template. */
	assert_int_equal(slm_chat_tokens(engine, messages, 2, tokens, 16, &n), 0);
	assert_int_equal(n, 4);
	slm_engine_destroy(engine);
}

static void unknown_flags_are_refused(void **state)
{
	struct slm_engine *engine = load(*state);
	int32_t tokens[8];
	size_t n;

	assert_int_equal(slm_tokenize(engine, "hello", 5, 0x80, tokens, 8, &n), -EINVAL);
	assert_int_equal(slm_detokenize(engine, tokens, 0, 0x80, NULL, 0, &n), -EINVAL);
	slm_engine_destroy(engine);
}

/* ---- answers ---- */

static void generate_into(struct slm_session *session, uint32_t seed, int32_t answer[ANSWER])
{
	struct slm_generate_params params = greedy();
	struct slm_result result = {.size_bytes = sizeof(result)};
	int32_t text[TEXT];
	const int32_t *all;
	size_t n;

	fill_text(text, TEXT, seed);
	assert_int_equal(slm_generate(session, text, TEXT, &params, &result), 0);
	assert_int_equal(result.end, SLM_END_LENGTH);
	assert_int_equal(result.n_generated, ANSWER);
	all = slm_session_tokens(session, &n);
	assert_int_equal(n, TEXT + ANSWER);
	memcpy(answer, all + TEXT, sizeof(int32_t) * ANSWER);
}

struct worker {
	struct slm_engine *engine;
	uint32_t seed;
	int32_t answer[ANSWER];
};

static void *work(void *data)
{
	struct worker *worker = data;
	struct slm_session *session;

	if (slm_session_create(worker->engine, &session) < 0)
		return NULL;
	for (int i = 0; i < ROUNDS; i++)
		generate_into(session, worker->seed, worker->answer);
	slm_session_destroy(session);
	return worker;
}

/* Two engines, two sessions on each, a thread for every session. */
static void threads_do_not_disturb_each_other(void **state)
{
	struct slm_engine *engines[2] = {load(*state), load(*state)};
	struct worker workers[4], alone[2];
	pthread_t threads[4];
	void *done;

	for (int i = 0; i < 2; i++) {
		alone[i] = (struct worker){.engine = engines[0], .seed = 100 + (uint32_t)i};
		assert_non_null(work(&alone[i]));
	}
	for (int i = 0; i < 4; i++) {
		workers[i] =
			(struct worker){.engine = engines[i / 2], .seed = 100 + (uint32_t)i % 2};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &done), 0);
		assert_non_null(done);
		assert_memory_equal(workers[i].answer, alone[i % 2].answer,
				    sizeof(alone[0].answer));
	}
	slm_engine_destroy(engines[0]);
	slm_engine_destroy(engines[1]);
}

static void sessions_are_evaluated_together(void **state)
{
	struct slm_engine *engine = load(*state);
	struct slm_session *sessions[2];
	int32_t text[TEXT];
	size_t kept;

	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(slm_session_create(engine, &sessions[i]), 0);
		fill_text(text, TEXT, i);
		assert_int_equal(slm_session_sync(sessions[i], text, TEXT - i, &kept), 0);
		assert_int_equal(kept, 0);
		assert_null(slm_session_logits(sessions[i]));
	}
	assert_int_equal(slm_evaluate(sessions, 2), 0);
	assert_non_null(slm_session_logits(sessions[0]));
	assert_non_null(slm_session_logits(sessions[1]));
	assert_int_equal(slm_evaluate(sessions, 0), -EINVAL);
	slm_session_destroy(sessions[0]);
	slm_session_destroy(sessions[1]);
	slm_engine_destroy(engine);
}

struct listener {
	struct slm_session *session;
	atomic_int began;
};

static int note_beginning(void *data, const char *text, size_t size_bytes)
{
	struct listener *listener = data;

	(void)text;
	(void)size_bytes;
	atomic_store(&listener->began, 1);
	return 0;
}

static void *cancel_once_begun(void *data)
{
	struct listener *listener = data;

	while (!atomic_load(&listener->began))
		sched_yield();
	slm_session_cancel(listener->session);
	return NULL;
}

static void answers_end_when_another_thread_says_so(void **state)
{
	struct slm_engine *engine = load(*state);
	struct slm_generate_params params = greedy();
	struct slm_result result = {.size_bytes = sizeof(result)};
	struct listener listener = {0};
	int32_t text[TEXT], answer[ANSWER];
	pthread_t thread;

	fill_text(text, TEXT, 1);
	assert_int_equal(slm_session_create(engine, &listener.session), 0);
	params.max_tokens = -1;
	params.write = note_beginning;
	params.write_data = &listener;
	assert_int_equal(pthread_create(&thread, NULL, cancel_once_begun, &listener), 0);
	assert_int_equal(slm_generate(listener.session, text, TEXT, &params, &result), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* A small context may be full before the other thread has had its turn. */
	if (result.end != SLM_END_CANCELED)
		assert_int_equal(result.end, SLM_END_LENGTH);
	else
		generate_into(listener.session, 2, answer); /* the next is not ended */
	slm_session_destroy(listener.session);
	slm_engine_destroy(engine);
}

static void a_cancel_without_a_call_ends_the_next(void **state)
{
	struct slm_engine *engine = load(*state);
	struct slm_session *session;
	int32_t text[TEXT], answer[ANSWER];

	fill_text(text, TEXT, 1);
	assert_int_equal(slm_session_create(engine, &session), 0);
	assert_int_equal(slm_session_sync(session, text, TEXT, NULL), 0);
	slm_session_cancel(session);
	assert_int_equal(slm_evaluate(&session, 1), -ECANCELED);
	assert_int_equal(slm_evaluate(&session, 1), 0);
	generate_into(session, 1, answer);
	slm_session_destroy(session);
	slm_engine_destroy(engine);
}

static int keep_text(void *data, const char *text, size_t size_bytes)
{
	strncat(data, text, size_bytes);
	return 0;
}

static void answers_follow_a_grammar(void **state)
{
	struct slm_engine *engine = load(*state);
	struct slm_generate_params params;
	struct slm_result result = {.size_bytes = sizeof(result)};
	struct slm_session *session;
	char answer[64] = "";
	int32_t text[TEXT];

	fill_text(text, TEXT, 1);
	assert_int_equal(slm_session_create(engine, &session), 0);
	slm_generate_params_init(&params, sizeof(params));
	params.write = keep_text;
	params.write_data = answer;
	params.grammar = "root ::= \"left\" | \"right\"";
	assert_int_equal(slm_generate(session, text, TEXT, &params, &result), 0);
	assert_true(strcmp(answer, "left") == 0 || strcmp(answer, "right") == 0);
	assert_true(result.is_complete);
	params.json_schema = "{}";
	assert_int_equal(slm_generate(session, text, TEXT, &params, &result), -EINVAL);
	params.grammar = NULL;
	params.json_schema = "{\"not\": {}}";
	assert_int_equal(slm_generate(session, text, TEXT, &params, &result), -ENOTSUP);
	slm_session_destroy(session);
	slm_engine_destroy(engine);
}

static void there_are_as_many_sessions_as_asked_for(void **state)
{
	struct slm_engine *engine = load(*state);
	struct slm_session *sessions[3];

	assert_int_equal(slm_session_create(engine, &sessions[0]), 0);
	assert_int_equal(slm_session_create(engine, &sessions[1]), 0);
	assert_int_equal(slm_session_create(engine, &sessions[2]), -EBUSY);
	slm_session_destroy(sessions[1]);
	assert_int_equal(slm_session_create(engine, &sessions[1]), 0);
	slm_session_destroy(sessions[0]);
	slm_session_destroy(sessions[1]);
	slm_session_destroy(NULL);
	slm_engine_destroy(engine);
	slm_engine_destroy(NULL);
}

/* ---- adapters ---- */

static char *write_adapter(const struct fixture *fixture)
{
	const struct tiny_adapter tiny = {.rank = 4, .type = TENSOR_F32, .seed = 1};
	char *path = path_format("%s/adapter.gguf", fixture->file.folder);
	struct gguf_maker maker;
	struct gguf *gguf;

	assert_int_equal(gguf_open(fixture->file.path, NULL, &gguf), 0);
	tiny_adapter_make(&tiny, gguf, &maker);
	gguf_maker_write(&maker, path);
	gguf_maker_finish(&maker);
	gguf_close(gguf);
	return path;
}

static void sessions_differ_in_their_adapters(void **state)
{
	struct slm_engine_params params = params_of(*state);
	static const float none = 0, one = 1;
	char *path = write_adapter(*state);
	struct slm_adapter adapter = {.path = path, .scale = 1};
	struct slm_session *sessions[2];
	struct slm_engine *engine;
	int32_t text[TEXT];

	params.adapters = &adapter;
	params.n_adapters = 1;
	assert_int_equal(slm_engine_create(&params, &engine), 0);
	fill_text(text, TEXT, 8);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(slm_session_create(engine, &sessions[i]), 0);
		assert_int_equal(slm_session_sync(sessions[i], text, TEXT, NULL), 0);
	}
	assert_int_equal(slm_session_set_adapters(sessions[0], &none, 2), -EINVAL);
	assert_int_equal(slm_session_set_adapters(sessions[0], &none, 1), 0);
	assert_int_equal(slm_evaluate(sessions, 2), 0);
	assert_true(slm_session_logits(sessions[0])[0] != slm_session_logits(sessions[1])[0]);
	assert_int_equal(slm_session_set_adapters(sessions[0], &one, 1), 0);
	assert_null(slm_session_logits(sessions[0]));
	assert_int_equal(slm_evaluate(sessions, 2), 0);
	assert_true(slm_session_logits(sessions[0])[0] == slm_session_logits(sessions[1])[0]);
	slm_session_destroy(sessions[0]);
	slm_session_destroy(sessions[1]);
	slm_engine_destroy(engine);
	(void)unlink(path);
	free(path);
}

/* ---- devices ---- */

static int count_devices(void *data, const struct slm_device *device)
{
	assert_int_equal(device->size_bytes, sizeof(*device));
	assert_true(device->selector[0] != '\0');
	++*(int *)data;
	return 0;
}

static void devices_are_listed(void **state)
{
	int n = 0;

	(void)state;
	assert_int_equal(slm_devices(NULL, count_devices, &n), 0);
	assert_true(n >= 2); /* cpu and reference are always there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smaller_structs_are_older_ones),
		cmocka_unit_test(larger_structs_may_only_hold_zeros),
		cmocka_unit_test(sizes_that_no_version_has_are_refused),
		cmocka_unit_test(results_stay_within_the_callers_struct),
		cmocka_unit_test(impossible_params_are_refused),
		cmocka_unit_test(a_load_can_be_ended),
		cmocka_unit_test(an_estimate_needs_no_load),
		cmocka_unit_test(capacities_are_kept),
		cmocka_unit_test(messages_become_tokens),
		cmocka_unit_test(unknown_flags_are_refused),
		cmocka_unit_test(answers_follow_a_grammar),
		cmocka_unit_test(threads_do_not_disturb_each_other),
		cmocka_unit_test(sessions_are_evaluated_together),
		cmocka_unit_test(answers_end_when_another_thread_says_so),
		cmocka_unit_test(a_cancel_without_a_call_ends_the_next),
		cmocka_unit_test(there_are_as_many_sessions_as_asked_for),
		cmocka_unit_test(embeddings_keep_to_capacities),
		cmocka_unit_test(encoders_make_embeddings),
		cmocka_unit_test(impossible_embeddings_are_refused),
		cmocka_unit_test(sessions_differ_in_their_adapters),
		cmocka_unit_test(devices_are_listed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
