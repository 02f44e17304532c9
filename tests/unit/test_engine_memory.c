// SPDX-License-Identifier: MIT
/*
 * Loading and answering, or embedding, with every allocation failing once, the first to the last: each time the
 * call must say -ENOMEM, and under AddressSanitizer nothing may be lost.
 */
#include <errno.h>

#include "embedding.h"
#include "failing_malloc.h"
#include "generate.h"
#include "grammar_text.h"
#include "tiny_adapter.h"
#include "tiny_engine.h"

static struct grammar *grammar; /* made before allocations fail */

static int answer(struct engine *engine)
{
	struct generate_params params = {.max_tokens = 3, .ignore_end = true};
	static const char *const stops[] = {"never said"};
	struct generate_result result;
	struct session *session;
	int32_t text[] = {72, 105};
	int r;

	params.sampler = sampler_defaults;
	params.sampler.repeat_penalty = 1.1f;
	params.stops = stops;
	params.n_stops = 1;
	params.grammar = grammar;
	r = session_create(engine, &session);
	if (r < 0)
		return r;
	r = generate(session, text, 2, &params, &result);
	session_destroy(session);
	return r;
}

static int embed(struct engine *engine)
{
	struct embedding_params params = {.pooling = POOLING_MEAN, .normalize = true};
	struct session *session;
	int32_t text[] = {72, 105};
	float vector[256];
	int r;

	r = session_create(engine, &session);
	if (r < 0)
		return r;
	r = session_embed(session, text, 2, &params, vector);
	session_destroy(session);
	return r;
}

static int load_and_run(const struct engine_params *params)
{
	struct engine *engine;
	int r = engine_create(params, &engine);

	if (r < 0)
		return r;
	r = params->embeddings ? embed(engine) : answer(engine);
	engine_destroy(engine);
	return r;
}

/* An adapter for the model in TINY, beside it. */
static char *write_adapter(const struct tiny_engine *tiny)
{
	const struct tiny_adapter adapter = {.rank = 4, .type = TENSOR_F16};
	char *path = path_format("%s/adapter.gguf", tiny->folder);
	struct gguf_maker maker;
	struct gguf *gguf;

	assert_int_equal(gguf_open(tiny->path, NULL, &gguf), 0);
	tiny_adapter_make(&adapter, gguf, &maker);
	gguf_maker_write(&maker, path);
	gguf_maker_finish(&maker);
	gguf_close(gguf);
	return path;
}

static void try_all(const char *device, const char *arch, bool embeddings)
{
	struct tiny_model model = tiny_model_default;
	struct engine_params params = {.device = device,
				       .split = strchr(device, ',') ? "1,1" : NULL,
				       .n_threads = 2,
				       .n_ctx = 128,
				       .embeddings = embeddings};
	struct engine_adapter adapter = {.scale = 1};
	struct tiny_engine tiny;
	char *adapter_path;
	long n = 0;
	int r;

	model.arch = arch;
	tiny_engine_write(&tiny, &model);
	adapter_path = write_adapter(&tiny);
	adapter.path = adapter_path;
	params.adapters = &adapter;
	params.n_adapters = 1;
	params.model_path = tiny.path;
	params.log = &tiny.kept.log;
	for (;; n++) {
		allocations_left = n;
		r = load_and_run(&params);
		if (allocations_left >= 0)
			break; /* none failed: there are no more than N */
		/* Some are not needed for success: a cache that cannot be used is done without. */
		if (r != 0)
			assert_int_equal(r, -ENOMEM);
	}
	assert_int_equal(r, 0);
	assert_true(n > 50);
	allocations_left = -1;
	(void)unlink(adapter_path);
	free(adapter_path);
	tiny_engine_finish(&tiny);
}

static int make_grammar(void **state)
{
	static const char text[] = "root ::= [^a\\u0100-\\uffff]{3,9} | (root2 \"x\")*\n"
				   "root2 ::= \"(\" root2 \")\" | .";

	(void)state;
	return grammar_from_text(text, strlen(text), NULL, &grammar);
}

static int drop_grammar(void **state)
{
	(void)state;
	grammar_destroy(grammar);
	return 0;
}

static void the_cpu_survives_failing_allocations(void **state)
{
	(void)state;
	try_all("cpu", "llama", false);
}

static void the_reference_survives_failing_allocations(void **state)
{
	(void)state;
	try_all("reference", "gemma3", false);
}

static void two_devices_survive_failing_allocations(void **state)
{
	(void)state;
	try_all("cpu,reference", "llama", false);
}

static void embeddings_survive_failing_allocations(void **state)
{
	(void)state;
	try_all("cpu", "llama", true);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cpu_survives_failing_allocations),
		cmocka_unit_test(the_reference_survives_failing_allocations),
		cmocka_unit_test(two_devices_survive_failing_allocations),
		cmocka_unit_test(embeddings_survive_failing_allocations),
	};

	return cmocka_run_group_tests(tests, make_grammar, drop_grammar);
}
