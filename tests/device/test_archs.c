// SPDX-License-Identifier: MIT
/*
 * Every architecture on any set of devices: F32 against the logits that llama.cpp gave for the same
 * random model (tests/data/archs, made by tests/model/arch_against_peer.py); then, quantised where that
 * costs little, against the reference device, in one step and in small ones.
 */
#include <errno.h>
#include <math.h>

#include "arch_cases.h"
#include "array.h"
#include "chosen_device.h"
#include "cleanup.h"
#include "kernel_case.h"
#include "tiny_engine.h"

enum { VOCAB = 260, TEXT = 150, ROWS_MAX = 64, TOKENS_MAX = 4096, CASES_MAX = 64 };

/* The recorded values are rounded to 16 bits, caches to halves. */
static const double SAME_AS_PEER = 1e-5;
/* Rounding to int8 happens at other last bits on other devices; layers amplify that a little. */
static const double SAME_LOGITS = 2e-3;

struct recorded {
	uint32_t n_tokens, n_rows;
	int32_t tokens[TOKENS_MAX];
	uint32_t positions[ROWS_MAX];
	float rows[ROWS_MAX][VOCAB];
};

/* ---- what the peer gave ---- */

static void must_read(FILE *file, void *to, size_t size_bytes)
{
	assert_int_equal(fread(to, 1, size_bytes, file), size_bytes);
}

static void read_recorded(const char *name, struct recorded *ret)
{
	_cleanup_free_ char *path = path_format("%s/archs/%s.logits", SLM_TEST_DATA, name);
	FILE *file = fopen(path, "rb");
	uint32_t sizes[3];

	assert_non_null(file);
	must_read(file, sizes, sizeof(sizes));
	assert_true(sizes[0] <= TOKENS_MAX && sizes[1] == VOCAB && sizes[2] <= ROWS_MAX);
	ret->n_tokens = sizes[0];
	ret->n_rows = sizes[2];
	must_read(file, ret->tokens, sizes[0] * sizeof(int32_t));
	for (uint32_t i = 0; i < ret->n_rows; i++) {
		uint16_t codes[VOCAB];
		float affine[2];

		must_read(file, &ret->positions[i], sizeof(uint32_t));
		must_read(file, affine, sizeof(affine));
		must_read(file, codes, sizeof(codes));
		for (uint32_t v = 0; v < VOCAB; v++)
			ret->rows[i][v] = affine[0] * codes[v] + affine[1];
	}
	(void)fclose(file);
}

/* Log probabilities are logits less a number; without their means both are the same. */
static void centre(float row[static VOCAB])
{
	double mean = 0;

	for (uint32_t v = 0; v < VOCAB; v++)
		mean += (double)row[v] / VOCAB;
	for (uint32_t v = 0; v < VOCAB; v++)
		row[v] -= (float)mean;
}

/* ---- what the devices give ---- */

static void open_on(struct tiny_engine *tiny, const struct tiny_model *model, const char *device,
		    uint32_t n_batch)
{
	struct engine_params params = {
		.device = device,
		.split = chosen_split(device),
		.n_ctx = 256,
		.n_sessions = 2,
		.n_batch = n_batch,
		.cache_dir = getenv("SLM_CACHE_DIR"),
	};

	tiny_engine_init(tiny, model, &params);
}

static void logits_of(struct session *session, const int32_t *tokens, size_t n,
		      float ret_logits[static VOCAB])
{
	assert_int_equal(session_sync(session, tokens, n, NULL), 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	memcpy(ret_logits, session_logits(session), VOCAB * sizeof(*ret_logits));
}

static void check_against_peer(const struct arch_case *arch)
{
	static struct recorded recorded;
	struct tiny_engine tiny;
	struct session *session;
	float got[VOCAB];

	read_recorded(arch->name, &recorded);
	open_on(&tiny, &arch->model, chosen.selector, 256);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	for (uint32_t i = 0; i < recorded.n_rows; i++) {
		double error;

		logits_of(session, recorded.tokens, recorded.positions[i] + 1, got);
		centre(got);
		centre(recorded.rows[i]);
		error = nmse(recorded.rows[i], got, VOCAB);
		if (!(error < SAME_AS_PEER))
			fail_msg("%s, position %u: error %g", arch->name, recorded.positions[i],
				 error);
	}
	session_destroy(session);
	tiny_engine_finish(&tiny);
}

/* The logits after the first lengths[i] tokens of a text, for each i. */
enum { LENGTHS = 5 };
static const size_t lengths[LENGTHS] = {1, 2, 64, 101, TEXT};

static void all_logits(const struct tiny_model *model, const char *device, uint32_t n_batch,
		       float ret_logits[LENGTHS][VOCAB])
{
	struct tiny_engine tiny;
	struct session *session;
	int32_t text[TEXT];
	uint32_t seed = 9;

	for (size_t i = 0; i < TEXT; i++) {
		seed = seed * 1664525 + 1013904223;
		text[i] = (int32_t)(seed >> 8) % 256;
	}
	open_on(&tiny, model, device, n_batch);
	for (int i = 0; i < LENGTHS; i++) {
		assert_int_equal(session_create(tiny.engine, &session), 0);
		logits_of(session, text, lengths[i], ret_logits[i]);
		session_destroy(session);
	}
	tiny_engine_finish(&tiny);
}

/* Other devices compile a program for each set of types, which takes seconds. */
static bool is_native(void)
{
	return strcmp(chosen.selector, "cpu") == 0 || strcmp(chosen.selector, "reference") == 0;
}

static void check_against_reference(const struct arch_case *arch)
{
	static float wanted[LENGTHS][VOCAB], got[LENGTHS][VOCAB];
	static const uint32_t batches[] = {512, 7};
	struct tiny_model model = arch->model;

	if (is_native() || arch->is_quantised_everywhere)
		model.type = model.n_embd % 32 == 0 ? TENSOR_Q4_0 : TENSOR_F16;
	all_logits(&model, "reference", 512, wanted);
	for (size_t b = 0; b < ARRAY_SIZE(batches); b++) {
		all_logits(&model, chosen.selector, batches[b], got);
		for (int i = 0; i < LENGTHS; i++) {
			double error = nmse(wanted[i], got[i], VOCAB);

			if (!(error < SAME_LOGITS))
				fail_msg("%s, %zu tokens in steps of %u: error %g", arch->name,
					 lengths[i], batches[b], error);
		}
	}
}

static void arch_is_right(void **state)
{
	const struct arch_case *arch = *state;

	if (!arch->is_ours_alone)
		check_against_peer(arch);
	check_against_reference(arch);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[CASES_MAX];
	int r = chosen_init(argc, argv);
	size_t n = 0;

	if (r != 0)
		return r;
	assert_true(n_arch_cases <= CASES_MAX);
	for (size_t i = 0; i < n_arch_cases; i++) {
		if (arch_cases[i].is_encoder)
			continue; /* test_encoders.c */
		tests[n++] = (struct CMUnitTest){
			.name = arch_cases[i].name,
			.test_func = arch_is_right,
			.initial_state = (void *)&arch_cases[i],
		};
	}
	r = _cmocka_run_group_tests("archs", tests, n, NULL, NULL);
	chosen_finish();
	return r;
}
