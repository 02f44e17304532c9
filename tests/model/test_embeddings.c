// SPDX-License-Identifier: MIT
/* The embeddings of a real decoder against those that llama.cpp gave (tests/data/embeddings). */
#include "model_files.h"
#include "recorded_vectors.h"

/* Both programs round activations to 8 bits, each in its own way. */
static const double SAME_AS_PEER = 1e-3;

static void smollm2(void **state)
{
	struct engine_params params = {
		.model_path = *state, .device = "cpu", .n_ctx = 256, .embeddings = true};
	struct engine *engine;
	struct kept_log kept;

	kept_log_init(&kept);
	params.log = &kept.log;
	if (engine_create(&params, &engine) < 0)
		fail_msg("%s", kept.text);
	check_recorded(engine, "smollm2-135m", POOLING_MEAN, SAME_AS_PEER);
	engine_destroy(engine);
}

int main(void)
{
	_cleanup_free_ char *path = model_file(MODEL_SMOLLM2);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(smollm2, path),
	};

	if (!path)
		return TEST_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
