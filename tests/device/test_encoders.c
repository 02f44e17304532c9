// SPDX-License-Identifier: MIT
/*
 * Embeddings on any set of devices: F32 against those that llama.cpp gave for the same random model,
 * encoder or not; encoders quantised against the reference device, and several texts in one step
 * against each alone.
 */
#include "arch_cases.h"
#include "array.h"
#include "chosen_device.h"
#include "recorded_vectors.h"
#include "tiny_engine.h"

enum { EMBD_MAX = 128, TEXT = 120, SESSIONS = 3 };

/* The peer rounds what a gelu gets and gives to halves, and writes seven digits. */
static const double SAME_AS_PEER = 1e-6;
/* Codes of 8 bits flip on other devices, layer by layer. */
static const double SAME_VECTORS = 1e-4;
static const double SAME_FLOATS = 1e-8;

static void open_on(struct tiny_engine *tiny, const struct tiny_model *model, const char *device,
		    uint32_t n_sessions)
{
	struct engine_params params = {
		.device = device,
		.split = chosen_split(device),
		.n_sessions = n_sessions,
		.n_batch = 16, /* an encoder takes texts whole all the same */
		.n_parts = 3,  /* and so do its devices */
		.embeddings = true,
		.cache_dir = getenv("SLM_CACHE_DIR"),
	};

	tiny_engine_init(tiny, model, &params);
}

/* Decoders whose embeddings are recorded. */
static bool is_recorded(const struct arch_case *arch)
{
	return arch->is_encoder || strcmp(arch->name, "llama") == 0 ||
	       strcmp(arch->name, "gemma3") == 0;
}

static void agrees_with_the_peer(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_arch_cases; i++) {
		struct tiny_engine tiny;

		if (!is_recorded(&arch_cases[i]))
			continue;
		open_on(&tiny, &arch_cases[i].model, chosen.selector, 1);
		check_recorded(tiny.engine, arch_cases[i].name, POOLING_MEAN, SAME_AS_PEER);
		check_recorded(tiny.engine, arch_cases[i].name, POOLING_CLS, SAME_AS_PEER);
		tiny_engine_finish(&tiny);
	}
}

static void fill_text(int32_t *tokens, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		tokens[i] = (int32_t)(seed >> 8) % 300;
	}
}

static double distance(const float *a, const float *b, uint32_t n)
{
	double dot = 0, square_a = 0, square_b = 0;

	for (uint32_t i = 0; i < n; i++) {
		dot += (double)a[i] * (double)b[i];
		square_a += (double)a[i] * (double)a[i];
		square_b += (double)b[i] * (double)b[i];
	}
	return 1 - dot / sqrt(square_a * square_b);
}

static void embed_on(const struct tiny_model *model, const char *device, float *ret_vector)
{
	struct embedding_params params = {.pooling = POOLING_MEAN};
	struct session *session;
	struct tiny_engine tiny;
	int32_t text[TEXT];

	fill_text(text, TEXT, 9);
	open_on(&tiny, model, device, 1);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	assert_int_equal(session_embed(session, text, TEXT, &params, ret_vector), 0);
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

static void quantised_agrees_with_the_reference(void **state)
{
	struct tiny_model model = arch_case_find("bert")->model;
	float wanted[EMBD_MAX], got[EMBD_MAX];

	(void)state;
	model.type = TENSOR_Q8_0;
	embed_on(&model, "reference", wanted);
	embed_on(&model, chosen.selector, got);
	assert_true(distance(wanted, got, model.n_embd) < SAME_VECTORS);
}

struct kept {
	float last[EMBD_MAX];
	uint32_t n;
};

static void keep(void *data, uint32_t position, const float *state)
{
	struct kept *kept = data;

	if (position == 0)
		memcpy(kept->last, state, 96 * sizeof(*state));
	kept->n++;
}

/* The first token of each, which sees all of its own text and nothing of the others. */
static void first_states(struct engine *engine, struct session *const *sessions, uint32_t n,
			 struct kept *kept)
{
	for (uint32_t i = 0; i < n; i++) {
		kept[i].n = 0;
		session_observe(sessions[i], 0, keep, &kept[i]);
	}
	while (engine_step(engine, sessions, n) > 0)
		;
	for (uint32_t i = 0; i < n; i++)
		session_observe(sessions[i], 0, NULL, NULL);
}

static void texts_stay_apart_and_whole(void **state)
{
	static const size_t lengths[SESSIONS] = {70, 100, 33}; /* a context holds 160 */
	const struct tiny_model *model = &arch_case_find("bert")->model;
	struct kept alone[SESSIONS], together[SESSIONS];
	struct session *sessions[SESSIONS];
	int32_t text[TEXT];
	struct tiny_engine tiny;

	(void)state;
	open_on(&tiny, model, chosen.selector, SESSIONS);
	for (int i = 0; i < SESSIONS; i++) {
		assert_int_equal(session_create(tiny.engine, &sessions[i]), 0);
		fill_text(text, lengths[i], (uint32_t)i);
		assert_int_equal(session_sync(sessions[i], text, lengths[i], NULL), 0);
		first_states(tiny.engine, &sessions[i], 1, &alone[i]);
		session_clear(sessions[i]);
		assert_int_equal(session_sync(sessions[i], text, lengths[i], NULL), 0);
	}
	first_states(tiny.engine, sessions, SESSIONS, together);
	for (int i = 0; i < SESSIONS; i++) {
		assert_int_equal(alone[i].n, lengths[i]);
		assert_int_equal(together[i].n, lengths[i]);
		assert_true(distance(alone[i].last, together[i].last, model->n_embd) < SAME_FLOATS);
		session_destroy(sessions[i]);
	}
	tiny_engine_finish(&tiny);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_peer),
		cmocka_unit_test(quantised_agrees_with_the_reference),
		cmocka_unit_test(texts_stay_apart_and_whole),
	};

	return chosen_run(argc, argv, tests);
}
