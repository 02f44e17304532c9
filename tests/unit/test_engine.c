// SPDX-License-Identifier: MIT
/* Engine, sessions, steps and answers on tiny random models: what is kept, shared and divided. */
#include <errno.h>
#include <math.h>

#include "array.h"
#include "cleanup.h"
#include "generate.h"
#include "grammar_text.h"
#include "tiny_adapter.h"
#include "tiny_engine.h"

enum { TEXT = 100, VOCAB = 260 };

/* cmocka leaves a failing test by longjmp; what it holds then is the end of the process anyway. */

static void fill_text(int32_t *tokens, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		tokens[i] = (int32_t)(seed >> 8) % 256;
	}
}

static struct tiny_model gemma(void)
{
	struct tiny_model model = tiny_model_default;

	model.arch = "gemma3";
	model.window = 96;
	model.n_layers = 6; /* the sixth sees everything */
	model.n_ctx = 4096;
	return model;
}

/* The logits after TEXT in a session of its own. */
static void logits_of(struct engine *engine, const int32_t *tokens, size_t n, float *ret_logits)
{
	struct session *session;

	assert_int_equal(session_create(engine, &session), 0);
	assert_int_equal(session_sync(session, tokens, n, NULL), 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	memcpy(ret_logits, session_logits(session), VOCAB * sizeof(*ret_logits));
	session_destroy(session);
}

static float largest_difference(const float *a, const float *b)
{
	float largest = 0;

	for (int i = 0; i < VOCAB; i++)
		largest = fmaxf(largest, fabsf(a[i] - b[i]));
	return largest;
}

/* ---- what a session keeps ---- */

struct edit {
	size_t n;	/* of the new text */
	size_t changed; /* the first token that differs; n: none */
	size_t kept;	/* that must be */
};

/* After TEXT tokens: any new text gives the logits it has on its own, and keeps what it can. */
static void an_edited_text_keeps_its_beginning(void **state)
{
	static const struct edit edits[] = {
		{TEXT, TEXT, TEXT},	      /* the same */
		{TEXT + 20, TEXT + 20, TEXT}, /* longer */
		{TEXT, 50, 50},		      /* another end */
		{TEXT, TEXT - 1, TEXT - 1},   /* another last token */
		{40, 40, 39},		      /* a beginning: its last token gives the logits */
		{1, 1, 0},		      /* */
		{TEXT, 0, 0},		      /* another text */
		{64, 64, 63},		      /* to the edge of a page */
		{65, 65, 64},		      /* */
	};
	struct engine_params params = {.n_ctx = 256, .n_sessions = 2};
	struct tiny_engine tiny;
	int32_t text[256], edited[256];

	(void)state;
	tiny_engine_init(&tiny, &tiny_model_default, &params);
	fill_text(text, 256, 1);
	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		float wanted[VOCAB];
		struct session *session;
		size_t kept;

		assert_int_equal(session_create(tiny.engine, &session), 0);
		assert_int_equal(session_sync(session, text, TEXT, &kept), 0);
		assert_int_equal(kept, 0);
		assert_int_equal(session_evaluate(session, NULL), 0);
		memcpy(edited, text, sizeof(edited));
		for (size_t k = edits[i].changed; k < edits[i].n; k++)
			edited[k] = (text[k] + 1) % 256;
		assert_int_equal(session_sync(session, edited, edits[i].n, &kept), 0);
		assert_int_equal(kept, edits[i].kept);
		assert_int_equal(session_evaluate(session, NULL), 0);
		logits_of(tiny.engine, edited, edits[i].n, wanted);
		assert_true(largest_difference(session_logits(session), wanted) < 1e-3f);
		session_destroy(session);
	}
	tiny_engine_finish(&tiny);
}

static void appending_is_the_same_as_syncing(void **state)
{
	struct engine_params params = {.n_ctx = 256, .n_sessions = 2};
	struct tiny_engine tiny;
	struct session *session;
	int32_t text[TEXT];
	float wanted[VOCAB];

	(void)state;
	tiny_engine_init(&tiny, &tiny_model_default, &params);
	fill_text(text, TEXT, 2);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	for (int i = 0; i < TEXT; i++) {
		assert_int_equal(session_append(session, text[i]), 0);
		assert_null(session_logits(session));
		assert_int_equal(session_evaluate(session, NULL), 0);
	}
	logits_of(tiny.engine, text, TEXT, wanted);
	assert_true(largest_difference(session_logits(session), wanted) < 1e-3f);
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

/* A window gives pages back as it passes; within SESSION_REWIND a text can still be edited. */
static void a_window_allows_edits_near_its_end(void **state)
{
	enum { LONG = 1500 };
	struct engine_params params = {.n_ctx = 1536, .n_sessions = 2};
	struct tiny_model model = gemma();
	struct tiny_engine tiny;
	struct session *session;
	int32_t text[LONG];
	float wanted[VOCAB];
	size_t kept;

	(void)state;
	model.n_embd = 64;
	model.n_ff = 64;
	model.n_head_kv = 1;
	model.head_dim = 32;
	tiny_engine_init(&tiny, &model, &params);
	fill_text(text, LONG, 3);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	assert_int_equal(session_sync(session, text, LONG, NULL), 0);
	assert_int_equal(session_evaluate(session, NULL), 0);

	text[LONG - 300]++;
	assert_int_equal(session_sync(session, text, LONG, &kept), 0);
	assert_int_equal(kept, LONG - 300);
	assert_int_equal(session_evaluate(session, NULL), 0);
	logits_of(tiny.engine, text, LONG, wanted);
	assert_true(largest_difference(session_logits(session), wanted) < 1e-3f);

	/* Further back the window's pages are gone: it begins anew and is right all the same. */
	text[200]++;
	assert_int_equal(session_sync(session, text, LONG, &kept), 0);
	assert_int_equal(kept, 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	logits_of(tiny.engine, text, LONG, wanted);
	assert_true(largest_difference(session_logits(session), wanted) < 1e-3f);
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

static void impossible_texts_are_refused(void **state)
{
	struct engine_params params = {.n_ctx = 64};
	struct tiny_engine tiny;
	struct session *session, *second;
	int32_t text[65], beyond = VOCAB, negative = -1;
	const int32_t *kept;
	size_t n;

	(void)state;
	tiny_engine_init(&tiny, &tiny_model_default, &params);
	fill_text(text, 65, 4);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	assert_int_equal(session_create(tiny.engine, &second), -EBUSY);
	assert_int_equal(session_sync(session, text, 10, NULL), 0);
	assert_int_equal(session_sync(session, text, 0, NULL), -EINVAL);
	assert_int_equal(session_sync(session, text, 65, NULL), -E2BIG);
	assert_non_null(strstr(tiny.kept.text, "--ctx"));
	assert_int_equal(session_sync(session, &beyond, 1, NULL), -EINVAL);
	assert_int_equal(session_sync(session, &negative, 1, NULL), -EINVAL);
	assert_int_equal(session_append(session, beyond), -EINVAL);
	kept = session_tokens(session, &n);
	assert_int_equal(n, 10);
	assert_memory_equal(kept, text, 10 * sizeof(*text));
	assert_int_equal(session_sync(session, text, 64, NULL), 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	assert_int_equal(session_append(session, text[0]), -E2BIG);
	session_destroy(session);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

static void a_canceled_evaluation_can_go_on(void **state)
{
	struct engine_params params = {.n_ctx = 256, .n_batch = 16, .n_sessions = 2};
	struct tiny_engine tiny;
	struct session *session;
	atomic_int cancel = 1;
	int32_t text[TEXT];
	float wanted[VOCAB];

	(void)state;
	tiny_engine_init(&tiny, &tiny_model_default, &params);
	fill_text(text, TEXT, 5);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	assert_int_equal(session_sync(session, text, TEXT, NULL), 0);
	assert_int_equal(engine_step(tiny.engine, &session, 1), TEXT - 16);
	assert_int_equal(session_evaluate(session, &cancel), -ECANCELED);
	assert_null(session_logits(session));
	assert_int_equal(session_evaluate(session, NULL), 0);
	logits_of(tiny.engine, text, TEXT, wanted);
	assert_true(largest_difference(session_logits(session), wanted) < 1e-3f);
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

/* ---- several sessions ---- */

enum { SESSIONS = 3 };

/* Sessions of different lengths, in steps too small for all: each as it is alone. */
static void sessions_in_one_step_are_as_alone(void **state)
{
	static const size_t lengths[SESSIONS] = {100, 7, 63};
	struct engine_params params = {.n_ctx = 256, .n_batch = 24, .n_sessions = SESSIONS + 1};
	struct session *sessions[SESSIONS];
	int32_t texts[SESSIONS][TEXT + 1];
	struct tiny_engine tiny;
	int64_t left = 1;

	(void)state;
	tiny_engine_init(&tiny, &tiny_model_default, &params);
	for (int i = 0; i < SESSIONS; i++) {
		fill_text(texts[i], TEXT + 1, 10 + (uint32_t)i);
		assert_int_equal(session_create(tiny.engine, &sessions[i]), 0);
		assert_int_equal(session_sync(sessions[i], texts[i], lengths[i], NULL), 0);
	}
	while (left > 0)
		left = engine_step(tiny.engine, sessions, SESSIONS);
	assert_int_equal(left, 0);
	for (int i = 0; i < SESSIONS; i++)
		assert_int_equal(session_append(sessions[i], texts[i][lengths[i]]), 0);
	assert_int_equal(engine_step(tiny.engine, sessions, SESSIONS), 0);
	for (int i = 0; i < SESSIONS; i++) {
		float wanted[VOCAB];

		logits_of(tiny.engine, texts[i], lengths[i] + 1, wanted);
		assert_true(largest_difference(session_logits(sessions[i]), wanted) < 1e-3f);
		session_destroy(sessions[i]);
	}
	tiny_engine_finish(&tiny);
}

struct observed {
	uint32_t next;
	float rows[TEXT][VOCAB];
};

static void observe(void *data, uint32_t position, const float *logits)
{
	struct observed *observed = data;

	assert_int_equal(position, observed->next++);
	memcpy(observed->rows[position], logits, sizeof(observed->rows[position]));
}

static void every_position_can_be_observed(void **state)
{
	struct engine_params params = {.n_ctx = 256, .n_sessions = 2, .n_outputs = 7};
	struct observed *observed = calloc(1, sizeof(*observed));
	struct tiny_engine tiny;
	struct session *session;
	int32_t text[TEXT];
	float wanted[VOCAB];

	(void)state;
	assert_non_null(observed);
	tiny_engine_init(&tiny, &tiny_model_default, &params);
	fill_text(text, TEXT, 6);
	observed->next = 30;
	assert_int_equal(session_create(tiny.engine, &session), 0);
	session_observe(session, 30, observe, observed);
	assert_int_equal(session_sync(session, text, TEXT, NULL), 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	assert_int_equal(observed->next, TEXT);
	for (size_t n = 31; n <= TEXT; n += 23) {
		logits_of(tiny.engine, text, n, wanted);
		assert_true(largest_difference(observed->rows[n - 1], wanted) < 1e-3f);
	}
	session_destroy(session);
	tiny_engine_finish(&tiny);
	free(observed);
}

/* ---- devices ---- */

/* What spares measuring the devices of a list. */
static const char *split_of(const char *device)
{
	return strchr(device, ',') ? "1,1" : NULL;
}

/* Takes what the CPU gives and what DEVICE gives, and says how far they are apart. */
static float distance_to(const char *device, const struct tiny_model *model, enum kv_type kv_type,
			 uint32_t n_parts)
{
	const char *const devices[] = {"cpu", device};
	float logits[2][VOCAB];
	int32_t text[TEXT];

	fill_text(text, TEXT, 7);
	for (int i = 0; i < 2; i++) {
		struct engine_params params = {.device = devices[i],
					       .split = split_of(devices[i]),
					       .n_ctx = 256,
					       .n_parts = n_parts,
					       .kv_type = kv_type};
		struct tiny_engine tiny;

		tiny_engine_init(&tiny, model, &params);
		logits_of(tiny.engine, text, TEXT, logits[i]);
		tiny_engine_finish(&tiny);
	}
	return largest_difference(logits[0], logits[1]);
}

/* Float weights leave only the rounding of the cache; int8 activations may tip to either side. */
static void devices_agree(void **state)
{
	static const char *const devices[] = {"reference", "cpu,reference", "reference,cpu"};
	struct tiny_model models[] = {tiny_model_default, gemma()};

	(void)state;
	for (size_t m = 0; m < ARRAY_SIZE(models); m++) {
		struct tiny_model floats = models[m];

		floats.type = TENSOR_F32;
		for (size_t d = 0; d < ARRAY_SIZE(devices); d++) {
			assert_true(distance_to(devices[d], &floats, KV_F16, 1) < 1e-3f);
			assert_true(distance_to(devices[d], &floats, KV_Q8_0, 1) < 3e-3f);
			assert_true(distance_to(devices[d], &models[m], KV_F16, 1) < 0.2f);
		}
	}
}

static void parts_follow_each_other(void **state)
{
	struct tiny_model floats = gemma();

	(void)state;
	floats.type = TENSOR_F32;
	for (uint32_t n_parts = 2; n_parts <= ENGINE_PARTS_MAX; n_parts *= 8) {
		assert_true(distance_to("cpu,reference", &floats, KV_F16, n_parts) < 1e-3f);
		assert_true(distance_to("reference,cpu", &floats, KV_F16, n_parts) < 1e-3f);
	}
}

static void a_model_is_cut_between_devices(void **state)
{
	struct engine_params params = {.device = "cpu,reference", .split = "1,1", .n_ctx = 256};
	char text[ENGINE_DEVICES_TEXT_MAX];
	struct tiny_engine tiny;

	(void)state;
	tiny_engine_init(&tiny, &tiny_model_default, &params);
	assert_int_equal(engine_plan(tiny.engine)->phases[PHASE_DECODE].n_segments, 2);
	assert_string_equal(engine_devices_text(tiny.engine, text), "cpu,reference");
	tiny_engine_finish(&tiny);
}

/* ---- loading ---- */

static int create(const struct engine_params *params, struct tiny_engine *tiny)
{
	struct engine_params complete = *params;

	complete.model_path = tiny->path;
	complete.log = &tiny->kept.log;
	return engine_create(&complete, &tiny->engine);
}

static void what_cannot_be_had_is_refused(void **state)
{
	static const struct {
		struct engine_params params;
		int result;
		const char *says;
	} cases[] = {
		{{.device = "nonsense"}, -ENODEV, "nonsense"},
		{{.device = "cpu,"}, -ENODEV, "empty"},
		{{.device = "cpu", .n_ctx = MODEL_CONTEXT_MAX + 1}, -EINVAL, "context"},
		{{.device = "cpu", .n_batch = 100000}, -EINVAL, "batch"},
		{{.device = "cpu", .n_sessions = 100000}, -EINVAL, "sessions"},
		{{.device = "cpu", .n_ctx = MODEL_CONTEXT_MAX, .n_sessions = 1000},
		 -ENOMEM,
		 "--ctx"},
	};
	struct tiny_engine tiny;

	(void)state;
	tiny_engine_write(&tiny, &tiny_model_default);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(create(&cases[i].params, &tiny), cases[i].result);
		assert_null(tiny.engine);
		assert_non_null(strstr(tiny.kept.text, cases[i].says));
	}
	tiny_engine_finish(&tiny);
}

static void a_plan_is_all_there_is_of_it(void **state)
{
	struct engine_params params = {
		.device = "cpu", .plan_only = true, .n_ctx = MODEL_CONTEXT_MAX, .n_sessions = 1000};
	struct engine_estimate estimate;
	struct tiny_engine tiny;

	(void)state;
	tiny_engine_write(&tiny, &tiny_model_default);
	assert_int_equal(create(&params, &tiny), 0);
	assert_int_equal(engine_plan(tiny.engine)->phases[PHASE_DECODE].n_segments, 1);
	assert_null(engine_vocabulary(tiny.engine));
	engine_memory(tiny.engine, &estimate);
	assert_true(estimate.total_bytes > estimate.available_bytes);
	tiny_engine_finish(&tiny);
}

/* ---- answers ---- */

struct listener {
	char text[4096];
	size_t size;
	size_t leave_at; /* bytes; 0: never */
};

static int listen(void *data, const char *text, size_t size)
{
	struct listener *listener = data;

	assert_true(listener->size + size < sizeof(listener->text));
	memcpy(listener->text + listener->size, text, size);
	listener->size += size;
	listener->text[listener->size] = '\0';
	return listener->leave_at > 0 && listener->size >= listener->leave_at;
}

/* A greedy answer of N tokens to a text of 20. */
static void answer(struct engine *engine, struct generate_params *params, struct listener *listener,
		   struct generate_result *result)
{
	struct session *session;
	int32_t text[20];

	fill_text(text, 20, 8);
	memset(listener->text, 0, sizeof(listener->text));
	listener->size = 0;
	params->sampler = sampler_defaults;
	params->sampler.temperature = 0;
	params->write = listen;
	params->data = listener;
	assert_int_equal(session_create(engine, &session), 0);
	assert_int_equal(generate(session, text, 20, params, result), 0);
	session_destroy(session);
}

static void devices_give_the_same_answer(void **state)
{
	static const char *const devices[] = {"cpu", "reference", "cpu,reference"};
	struct tiny_model model = tiny_model_default;
	struct generate_result result;
	struct listener listeners[3] = {0};

	(void)state;
	model.type = TENSOR_F32; /* no rounding that could tip the scales */
	for (int i = 0; i < 3; i++) {
		struct generate_params params = {.max_tokens = 40, .ignore_end = true};
		struct engine_params engine_params = {
			.device = devices[i], .split = split_of(devices[i]), .n_ctx = 128};
		struct tiny_engine tiny;

		tiny_engine_init(&tiny, &model, &engine_params);
		answer(tiny.engine, &params, &listeners[i], &result);
		assert_int_equal(result.end, GENERATE_END_LENGTH);
		assert_int_equal(result.n_generated, 40);
		assert_int_equal(result.n_prompt, 20);
		tiny_engine_finish(&tiny);
	}
	assert_true(listeners[0].size > 0);
	assert_string_equal(listeners[0].text, listeners[1].text);
	assert_string_equal(listeners[0].text, listeners[2].text);
}

static void answers_end_as_they_should(void **state)
{
	struct engine_params engine_params = {.n_ctx = 64};
	struct generate_params params = {.max_tokens = -1, .ignore_end = true};
	struct generate_result result;
	struct listener listener = {0};
	struct tiny_engine tiny;
	const char *stops[1];
	atomic_int cancel = 1;
	char whole[4096], stop[3];

	(void)state;
	tiny_engine_init(&tiny, &tiny_model_default, &engine_params);

	answer(tiny.engine, &params, &listener, &result); /* the context fills up */
	assert_int_equal(result.end, GENERATE_END_LENGTH);
	assert_int_equal(result.n_generated, 64 - 20 + 1);
	strcpy(whole, listener.text);

	params.max_tokens = 0;
	answer(tiny.engine, &params, &listener, &result);
	assert_int_equal(result.end, GENERATE_END_LENGTH);
	assert_int_equal(listener.size, 0);

	params.max_tokens = -1;
	memcpy(stop, whole + strlen(whole) / 2, 2); /* perhaps part of a character: bytes count */
	stop[2] = '\0';
	stops[0] = stop;
	params.stops = stops;
	params.n_stops = 1;
	answer(tiny.engine, &params, &listener, &result);
	assert_int_equal(result.end, GENERATE_END_STOP);
	assert_int_equal(listener.size, strstr(whole, stop) - whole);
	assert_memory_equal(listener.text, whole, listener.size);

	params.n_stops = 0;
	listener.leave_at = 5;
	answer(tiny.engine, &params, &listener, &result);
	assert_int_equal(result.end, GENERATE_END_CANCELED);
	assert_true(listener.size >= 5 && listener.size < 10);

	listener.leave_at = 0;
	params.cancel = &cancel;
	answer(tiny.engine, &params, &listener, &result);
	assert_int_equal(result.end, GENERATE_END_CANCELED);
	assert_int_equal(listener.size, 0);
	tiny_engine_finish(&tiny);
}

/* A banned end is no end; a forced one ends at once and is not part of the text. */
static void an_end_token_ends(void **state)
{
	struct logit_bias bias = {256, 100};
	struct engine_params engine_params = {.n_ctx = 64};
	struct generate_params params = {.max_tokens = 10};
	struct generate_result result;
	struct listener listener = {0};
	struct tiny_engine tiny;
	struct session *session;
	int32_t text = 65;
	size_t n;

	(void)state;
	tiny_engine_init(&tiny, &tiny_model_default, &engine_params);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	params.sampler = sampler_defaults;
	params.sampler.biases = &bias;
	params.sampler.n_biases = 1;
	params.write = listen;
	params.data = &listener;
	assert_int_equal(generate(session, &text, 1, &params, &result), 0);
	assert_int_equal(result.end, GENERATE_END_TOKEN);
	assert_int_equal(result.n_generated, 1);
	assert_int_equal(listener.size, 0);
	(void)session_tokens(session, &n);
	assert_int_equal(n, 1);
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

static void an_answer_follows_its_grammar(void **state)
{
	static const char text[] = "root ::= (\"yes\" | \"no\") \"!\"{3}",
			  endless[] = "root ::= [a-z]+";
	struct engine_params engine_params = {.n_ctx = 64};
	struct generate_params params = {.max_tokens = 20};
	struct grammar *grammars[2];
	struct generate_result result;
	struct listener listener = {0};
	struct tiny_engine tiny;

	(void)state;
	assert_int_equal(grammar_from_text(text, strlen(text), NULL, &grammars[0]), 0);
	assert_int_equal(grammar_from_text(endless, strlen(endless), NULL, &grammars[1]), 0);
	tiny_engine_init(&tiny, &tiny_model_default, &engine_params);
	params.grammar = grammars[0];
	for (int i = 0; i < 2; i++) {
		params.ignore_end = i == 1;
		answer(tiny.engine, &params, &listener, &result);
		assert_true(strcmp(listener.text, "yes!!!") == 0 ||
			    strcmp(listener.text, "no!!!") == 0);
		assert_int_equal(result.end, GENERATE_END_TOKEN);
		assert_int_equal(result.n_generated, listener.size);
		assert_true(result.is_complete);
	}
	params.max_tokens = 3; /* not enough */
	answer(tiny.engine, &params, &listener, &result);
	assert_int_equal(result.end, GENERATE_END_LENGTH);
	assert_false(result.is_complete);
	assert_int_equal(listener.size, 3);

	params.grammar = grammars[1];
	params.max_tokens = 10;
	answer(tiny.engine, &params, &listener, &result);
	assert_int_equal(result.end, GENERATE_END_LENGTH);
	assert_true(result.is_complete);
	assert_int_equal(strspn(listener.text, "abcdefghijklmnopqrstuvwxyz"), 10);
	for (int i = 0; i < 2; i++)
		grammar_destroy(grammars[i]);
	tiny_engine_finish(&tiny);
}

static void a_second_answer_evaluates_only_what_is_new(void **state)
{
	struct engine_params engine_params = {.n_ctx = 256};
	struct generate_params params = {.max_tokens = 10, .ignore_end = true};
	struct generate_result result;
	struct tiny_engine tiny;
	struct session *session;
	int32_t text[64];
	const int32_t *said;
	size_t n;

	(void)state;
	tiny_engine_init(&tiny, &tiny_model_default, &engine_params);
	fill_text(text, 64, 9);
	params.sampler = sampler_defaults;
	assert_int_equal(session_create(tiny.engine, &session), 0);
	assert_int_equal(generate(session, text, 20, &params, &result), 0);
	said = session_tokens(session, &n);
	assert_int_equal(n, 30);
	memcpy(text, said, n * sizeof(*text));
	assert_int_equal(generate(session, text, 40, &params, &result), 0);
	/* The last token of an answer is in the text, and not evaluated yet. */
	assert_int_equal(result.n_kept, 29);
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

static void impossible_answers_are_refused(void **state)
{
	struct engine_params engine_params = {.n_ctx = 64};
	struct generate_params params = {.max_tokens = 10};
	struct generate_result result;
	struct tiny_engine tiny;
	struct session *session;
	const char *stops[GENERATE_STOPS_MAX + 1];
	int32_t text = 65;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stops); i++)
		stops[i] = "x";
	tiny_engine_init(&tiny, &tiny_model_default, &engine_params);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	params.sampler = sampler_defaults;
	params.stops = stops;
	params.n_stops = GENERATE_STOPS_MAX + 1;
	assert_int_equal(generate(session, &text, 1, &params, &result), -EINVAL);
	params.n_stops = 1;
	stops[0] = "";
	assert_int_equal(generate(session, &text, 1, &params, &result), -EINVAL);
	params.n_stops = 0;
	params.sampler.temperature = -1;
	assert_int_equal(generate(session, &text, 1, &params, &result), -EINVAL);
	assert_non_null(strstr(tiny.kept.text, "sampling"));
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

/* ---- adapters ---- */

/* An engine with two adapters for its model, the first at scale 1, the second at 0. */
struct adapted {
	struct tiny_engine tiny;
	char *paths[2];
};

static void adapted_write(struct adapted *adapted)
{
	struct gguf *gguf;

	tiny_engine_write(&adapted->tiny, &tiny_model_default);
	assert_int_equal(gguf_open(adapted->tiny.path, NULL, &gguf), 0);
	for (uint64_t i = 0; i < 2; i++) {
		const struct tiny_adapter tiny = {.rank = 4, .type = TENSOR_F32, .seed = i + 1};
		struct gguf_maker maker;

		adapted->paths[i] =
			path_format("%s/adapter%u.gguf", adapted->tiny.folder, (unsigned)i);
		tiny_adapter_make(&tiny, gguf, &maker);
		gguf_maker_write(&maker, adapted->paths[i]);
		gguf_maker_finish(&maker);
	}
	gguf_close(gguf);
}

static int adapted_load(struct adapted *adapted, uint32_t n, float first_scale)
{
	struct engine_adapter adapters[17] = {{adapted->paths[0], first_scale},
					      {adapted->paths[1], 0}};
	struct engine_params params = {
		.model_path = adapted->tiny.path,
		.device = "cpu",
		.n_threads = 2,
		.n_ctx = 256,
		.n_sessions = 2,
		.adapters = adapters,
		.n_adapters = n,
		.log = &adapted->tiny.kept.log,
	};

	for (uint32_t i = 2; i < n; i++)
		adapters[i] = adapters[0];
	return engine_create(&params, &adapted->tiny.engine);
}

static void adapted_finish(struct adapted *adapted)
{
	for (int i = 0; i < 2; i++) {
		(void)unlink(adapted->paths[i]);
		free(adapted->paths[i]);
	}
	tiny_engine_finish(&adapted->tiny);
}

static void other_scales_make_the_cache_stale(void **state)
{
	static const float both[2] = {1, 0.5f}, none[2] = {0, 0}, first[2] = {1, 0};
	float plain[VOCAB], mixed[VOCAB], of_first[VOCAB];
	struct adapted adapted;
	struct session *session;
	int32_t text[TEXT];
	size_t kept;

	(void)state;
	adapted_write(&adapted);
	assert_int_equal(adapted_load(&adapted, 2, 1), 0);
	assert_int_equal(engine_n_adapters(adapted.tiny.engine), 2);
	fill_text(text, TEXT, 3);
	logits_of(adapted.tiny.engine, text, TEXT, of_first);
	assert_int_equal(session_create(adapted.tiny.engine, &session), 0);
	assert_int_equal(session_set_adapters(session, both, 2), 0);
	assert_int_equal(session_sync(session, text, TEXT, NULL), 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	memcpy(mixed, session_logits(session), sizeof(mixed));
	/* The same again changes nothing. */
	assert_int_equal(session_set_adapters(session, both, 2), 0);
	assert_non_null(session_logits(session));
	assert_int_equal(session_set_adapters(session, none, 2), 0);
	assert_null(session_logits(session));
	assert_int_equal(session_sync(session, text, TEXT, &kept), 0);
	assert_int_equal(kept, 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	memcpy(plain, session_logits(session), sizeof(plain));
	assert_true(largest_difference(plain, mixed) > 0.1f);
	/* Without a sync too. */
	assert_int_equal(session_set_adapters(session, first, 2), 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	assert_memory_equal(session_logits(session), of_first, sizeof(of_first));
	session_destroy(session);
	adapted_finish(&adapted);
}

static void adapters_at_zero_change_no_bit(void **state)
{
	struct engine_params params = {.n_ctx = 256, .n_sessions = 2};
	float wanted[VOCAB], got[VOCAB];
	struct adapted adapted;
	struct tiny_engine tiny;
	int32_t text[TEXT];

	(void)state;
	fill_text(text, TEXT, 4);
	tiny_engine_init(&tiny, &tiny_model_default, &params);
	logits_of(tiny.engine, text, TEXT, wanted);
	tiny_engine_finish(&tiny);
	adapted_write(&adapted);
	assert_int_equal(adapted_load(&adapted, 2, 0), 0);
	logits_of(adapted.tiny.engine, text, TEXT, got);
	assert_memory_equal(got, wanted, sizeof(wanted));
	adapted_finish(&adapted);
}

static void impossible_scales_are_refused(void **state)
{
	static const float scales[3] = {1, NAN, INFINITY};
	struct engine_estimate estimate;
	struct adapted adapted;
	struct session *session;

	(void)state;
	adapted_write(&adapted);
	assert_int_equal(adapted_load(&adapted, 1, NAN), -EINVAL);
	assert_non_null(strstr(adapted.tiny.kept.text, "no finite number"));
	assert_int_equal(adapted_load(&adapted, 17, 1), -EINVAL);
	assert_non_null(strstr(adapted.tiny.kept.text, "at most 16"));
	assert_int_equal(adapted_load(&adapted, 2, 1), 0);
	assert_int_equal(session_create(adapted.tiny.engine, &session), 0);
	assert_int_equal(session_set_adapters(session, scales, 1), -EINVAL);
	assert_int_equal(session_set_adapters(session, scales, 2), -EINVAL);
	assert_int_equal(session_set_adapters(session, scales, 3), -EINVAL);
	session_destroy(session);
	engine_memory(adapted.tiny.engine, &estimate);
	assert_true(estimate.adapter_bytes > 0);
	assert_int_equal(estimate.total_bytes, estimate.weight_bytes + estimate.adapter_bytes +
						       estimate.kv_bytes + estimate.value_bytes);
	adapted_finish(&adapted);
}

static void a_missing_adapter_is_named(void **state)
{
	struct adapted adapted;

	(void)state;
	adapted_write(&adapted);
	assert_int_equal(unlink(adapted.paths[1]), 0);
	assert_int_equal(adapted_load(&adapted, 2, 1), -ENOENT);
	assert_non_null(strstr(adapted.tiny.kept.text, "adapter1.gguf"));
	adapted_finish(&adapted);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_edited_text_keeps_its_beginning),
		cmocka_unit_test(appending_is_the_same_as_syncing),
		cmocka_unit_test(a_window_allows_edits_near_its_end),
		cmocka_unit_test(impossible_texts_are_refused),
		cmocka_unit_test(a_canceled_evaluation_can_go_on),
		cmocka_unit_test(sessions_in_one_step_are_as_alone),
		cmocka_unit_test(every_position_can_be_observed),
		cmocka_unit_test(devices_agree),
		cmocka_unit_test(parts_follow_each_other),
		cmocka_unit_test(a_model_is_cut_between_devices),
		cmocka_unit_test(what_cannot_be_had_is_refused),
		cmocka_unit_test(a_plan_is_all_there_is_of_it),
		cmocka_unit_test(devices_give_the_same_answer),
		cmocka_unit_test(answers_end_as_they_should),
		cmocka_unit_test(an_end_token_ends),
		cmocka_unit_test(an_answer_follows_its_grammar),
		cmocka_unit_test(a_second_answer_evaluates_only_what_is_new),
		cmocka_unit_test(impossible_answers_are_refused),
		cmocka_unit_test(other_scales_make_the_cache_stale),
		cmocka_unit_test(adapters_at_zero_change_no_bit),
		cmocka_unit_test(impossible_scales_are_refused),
		cmocka_unit_test(a_missing_adapter_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
