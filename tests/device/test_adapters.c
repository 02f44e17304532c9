// SPDX-License-Identifier: MIT
/*
 * Adapters on any set of devices give the logits of the model that they are merged into, on the
 * reference device: several at once, others in each session of a step, none at all.
 */
#include "arch_cases.h"
#include "array.h"
#include "chosen_device.h"
#include "kernel_case.h"
#include "tiny_adapter.h"
#include "tiny_engine.h"

enum { VOCAB = 260, TEXT = 70, MIXTURES = 4, ADAPTERS = 2 };

/* Keys and values are rounded to halves, which other last bits may turn the other way. */
static double limit(const struct engine *engine)
{
	if (strcmp(chosen.selector, "reference") != 0)
		return 1e-6;
	return engine_model(engine)->n_layers > 4 ? 1e-8 : 1e-9;
}

static const float mixtures[MIXTURES][ADAPTERS] = {{0, 0}, {1, 0}, {0, -0.5f}, {0.7f, 0.3f}};

static const struct tiny_adapter adapters[ADAPTERS] = {
	{.rank = 5, .alpha = 10, .type = TENSOR_F32, .seed = 11},
	{.rank = 8, .alpha = 0, .type = TENSOR_F16, .only = "ffn", .seed = 12},
};

/* A model, its adapters, and engines on them. */
struct case_files {
	char folder[32];
	char *model, *adapters[ADAPTERS], *merged;
	struct gguf *gguf, *adapter_ggufs[ADAPTERS];
	struct kept_log kept;
};

static char *write_file(struct case_files *files, const char *name, struct gguf_maker *maker)
{
	char *path = path_format("%s/%s.gguf", files->folder, name);

	gguf_maker_write(maker, path);
	gguf_maker_finish(maker);
	return path;
}

static void files_init(struct case_files *files, const struct tiny_model *model)
{
	struct gguf_maker maker;

	memset(files, 0, sizeof(*files));
	kept_log_init(&files->kept);
	strcpy(files->folder, "/tmp/slm-test-XXXXXX");
	assert_non_null(mkdtemp(files->folder));
	tiny_model_make(model, &maker);
	files->model = write_file(files, "model", &maker);
	assert_int_equal(gguf_open(files->model, &files->kept.log, &files->gguf), 0);
	for (int i = 0; i < ADAPTERS; i++) {
		tiny_adapter_make(&adapters[i], files->gguf, &maker);
		files->adapters[i] = write_file(files, i == 0 ? "first" : "second", &maker);
		assert_int_equal(gguf_open(files->adapters[i], &files->kept.log,
					   &files->adapter_ggufs[i]),
				 0);
	}
}

static void remove_file(char *path)
{
	(void)unlink(path);
	free(path);
}

static void files_finish(struct case_files *files)
{
	gguf_close(files->gguf);
	remove_file(files->model);
	for (int i = 0; i < ADAPTERS; i++) {
		gguf_close(files->adapter_ggufs[i]);
		remove_file(files->adapters[i]);
	}
	(void)rmdir(files->folder);
}

static struct engine *load(struct case_files *files, const char *path, const char *device,
			   uint32_t n_adapters)
{
	const struct engine_adapter wanted[ADAPTERS] = {{files->adapters[0], 0},
							{files->adapters[1], 0}};
	struct engine_params params = {
		.model_path = path,
		.device = device,
		.split = chosen_split(device),
		.n_threads = TEST_THREADS,
		.n_ctx = 128,
		.n_sessions = MIXTURES,
		.n_batch = 48,
		.adapters = wanted,
		.n_adapters = n_adapters,
		.log = &files->kept.log,
	};
	struct engine *engine = NULL;

	if (engine_create(&params, &engine) < 0)
		(void)printf("%s\n", files->kept.text);
	assert_non_null(engine);
	return engine;
}

static void fill_text(int32_t *tokens, uint32_t seed)
{
	for (size_t i = 0; i < TEXT; i++) {
		seed = seed * 1664525 + 1013904223;
		tokens[i] = (int32_t)(seed >> 8) % 256;
	}
}

/* The logits of each text with its mixture, from merged models on the reference device. */
static void wanted_logits(struct case_files *files, float wanted[MIXTURES][VOCAB])
{
	for (int i = 0; i < MIXTURES; i++) {
		struct gguf_maker maker;
		struct session *session;
		struct engine *engine;
		int32_t text[TEXT];
		char *path;

		tiny_adapter_merge(files->gguf, (const struct gguf *const *)files->adapter_ggufs,
				   mixtures[i], ADAPTERS, &maker);
		path = write_file(files, "merged", &maker);
		engine = load(files, path, "reference", 0);
		fill_text(text, (uint32_t)i + 1);
		assert_int_equal(session_create(engine, &session), 0);
		assert_int_equal(session_sync(session, text, TEXT, NULL), 0);
		assert_int_equal(session_evaluate(session, NULL), 0);
		memcpy(wanted[i], session_logits(session), sizeof(wanted[i]));
		session_destroy(session);
		engine_destroy(engine);
		remove_file(path);
	}
}

/* All mixtures in common steps, or one after the other in one session. */
static void check_mixtures(struct engine *engine, float wanted[MIXTURES][VOCAB], uint32_t together)
{
	struct session *sessions[MIXTURES];
	int32_t text[TEXT];
	int64_t left;

	for (uint32_t i = 0; i < together; i++)
		assert_int_equal(session_create(engine, &sessions[i]), 0);
	for (uint32_t first = 0; first < MIXTURES; first += together) {
		for (uint32_t i = 0; i < together; i++) {
			fill_text(text, first + i + 1);
			assert_int_equal(session_set_adapters(sessions[i], mixtures[first + i],
							      ADAPTERS),
					 0);
			assert_int_equal(session_sync(sessions[i], text, TEXT, NULL), 0);
		}
		do {
			left = engine_step(engine, sessions, together);
			assert_true(left >= 0);
		} while (left > 0);
		for (uint32_t i = 0; i < together; i++) {
			double error = nmse(wanted[first + i], session_logits(sessions[i]), VOCAB);

			if (error > limit(engine))
				(void)printf("mixture %u of %u: NMSE %g\n", first + i, together,
					     error);
			assert_true(error <= limit(engine));
		}
	}
	for (uint32_t i = 0; i < together; i++)
		session_destroy(sessions[i]);
}

static void check_arch(const char *name)
{
	static float wanted[MIXTURES][VOCAB];
	struct case_files files;
	struct engine *engine;

	files_init(&files, &arch_case_find(name)->model);
	wanted_logits(&files, wanted);
	assert_true(nmse(wanted[0], wanted[3], VOCAB) > 1e-2); /* they do something */
	engine = load(&files, files.model, chosen.selector, ADAPTERS);
	check_mixtures(engine, wanted, MIXTURES);
	check_mixtures(engine, wanted, 1);
	engine_destroy(engine);
	files_finish(&files);
}

static void llama_is_as_merged(void **state)
{
	(void)state;
	check_arch("llama-odd");
}

static void a_head_of_its_own_is_as_merged(void **state)
{
	(void)state;
	check_arch("granite");
}

static void fused_tensors_are_as_merged(void **state)
{
	(void)state;
	check_arch("phi3-long");
}

static void norms_after_are_as_merged(void **state)
{
	(void)state;
	check_arch("gemma3");
}

static void biases_are_as_merged(void **state)
{
	(void)state;
	check_arch("qwen2");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(llama_is_as_merged),
		cmocka_unit_test(a_head_of_its_own_is_as_merged),
		cmocka_unit_test(fused_tensors_are_as_merged),
		cmocka_unit_test(norms_after_are_as_merged),
		cmocka_unit_test(biases_are_as_merged),
	};

	return chosen_run(argc, argv, tests);
}
