// SPDX-License-Identifier: MIT
/*
 * Owns `slm bench`. The tests are llama-bench's: ppN evaluates a prompt of N random tokens, tgN
 * feeds N random tokens one by one, both without sampling and after a warm-up; @dD does so with D
 * tokens in the cache already. Beside them: the time to load, to the first token, and memory.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "array.h"
#include "bench_report.h"
#include "cleanup.h"
#include "clock.h"
#include "commands.h"
#include "engine_setup.h"
#include "sampler.h"
#include "session.h"
#include "terminal_log.h"
#include "vocabulary.h"

DEFINE_CLEANUP(struct sampler, sampler_destroy)

enum {
	FIRST_TOKEN_PROMPT = 8, /* tokens of the prompt whose first answer is timed */
	LENGTH_MAX = 1 << 20,
	REPETITIONS_MAX = 1000,
};

struct bench_values {
	struct option_numbers n_prompts;
	struct option_numbers n_answers;
	struct option_numbers depths;
	struct option_numbers n_threads;
	uint32_t n_repetitions;
	uint32_t n_batch;
	int format; /* enum bench_format */
	bool warm_up;
};

static const char *const formats[] = {
	[BENCH_MARKDOWN] = "md", [BENCH_CSV] = "csv", [BENCH_JSON] = "json", NULL};

static const struct option_spec bench_specs[] = {
	{
		.letter = 'p',
		.name = "n-prompt",
		.kind = OPTION_NUMBERS,
		.offset = offsetof(struct bench_values, n_prompts),
		.value = "N,...",
		.help = "lengths of prompts; 0: none",
		.max = LENGTH_MAX,
	},
	{
		.letter = 'n',
		.name = "n-gen",
		.kind = OPTION_NUMBERS,
		.offset = offsetof(struct bench_values, n_answers),
		.value = "N,...",
		.help = "lengths of answers; 0: none",
		.max = LENGTH_MAX,
	},
	{
		.letter = 'd',
		.name = "depth",
		.kind = OPTION_NUMBERS,
		.offset = offsetof(struct bench_values, depths),
		.value = "N,...",
		.help = "tokens that are in the cache when a test begins",
		.max = LENGTH_MAX,
	},
	{
		.letter = 't',
		.name = "threads",
		.kind = OPTION_NUMBERS,
		.offset = offsetof(struct bench_values, n_threads),
		.value = "N,...",
		.help = "threads of the CPU devices; 0: one for each core",
		.max = THREAD_POOL_MAX,
	},
	{
		.letter = 'r',
		.name = "repetitions",
		.kind = OPTION_U32,
		.offset = offsetof(struct bench_values, n_repetitions),
		.value = "N",
		.help = "how often each test is run",
		.min = 1,
		.max = REPETITIONS_MAX,
	},
	{
		.letter = 'b',
		.name = "batch",
		.kind = OPTION_U32,
		.offset = offsetof(struct bench_values, n_batch),
		.value = "N",
		.help = "tokens of a prompt that are evaluated at once",
		.min = 1,
		.max = 8192,
	},
	{
		.letter = 'o',
		.name = "output",
		.kind = OPTION_CHOICE,
		.offset = offsetof(struct bench_values, format),
		.value = "FORMAT",
		.help = "how results are printed",
		.choices = formats,
	},
	{
		.name = "no-warmup",
		.kind = OPTION_NO_FLAG,
		.offset = offsetof(struct bench_values, warm_up),
		.help = "time the first run too",
	},
};

static const struct bench_values bench_defaults = {
	.n_prompts = {.items = {512}, .n = 1},
	.n_answers = {.items = {128}, .n = 1},
	.depths = {.items = {0}, .n = 1},
	.n_threads = {.items = {0}, .n = 1},
	.n_repetitions = 5,
	.n_batch = ENGINE_BATCH_DEFAULT,
	.warm_up = true,
};

static const struct option_table bench_table = {
	.title = "Tests",
	.specs = bench_specs,
	.n_specs = ARRAY_SIZE(bench_specs),
	.defaults = &bench_defaults,
	.size_bytes = sizeof(bench_defaults),
};

const struct options bench_options = {
	.command = "bench",
	.synopsis = "MODEL",
	.text = "Measures how fast a model evaluates prompts (pp) and answers (tg), in tokens a "
		"second, mean and standard deviation; how long loading takes and the way from the "
		"start to the first token of an answer to 8 tokens, with warm caches; and the "
		"largest memory in use.",
	.tables = {&bench_table, &engine_place_options, &general_options},
	.min_arguments = 1,
	.max_arguments = 1,
	.arguments = {COMPLETE_MODELS},
};

struct bench {
	const struct bench_values *values;
	const struct log *log;
	struct bench_report *report;
	struct engine_setup *setup;
	struct engine *engine;
	struct session *session;
	int32_t *tokens; /* [n_ctx], random */
	uint32_t n_ctx;
	uint64_t random;
	double samples[REPETITIONS_MAX]; /* tokens a second */
};

/* ---- random text ---- */

static int32_t random_token(struct bench *bench)
{
	uint32_t n_vocab = engine_model(bench->engine)->n_vocab;

	/* xorshift64 */
	bench->random ^= bench->random << 13;
	bench->random ^= bench->random >> 7;
	bench->random ^= bench->random << 17;
	return (int32_t)(bench->random % n_vocab);
}

static void fill_tokens(struct bench *bench, uint32_t first, uint32_t n)
{
	const struct tokenizer *tokenizer = vocabulary_tokenizer(engine_vocabulary(bench->engine));

	for (uint32_t i = first; i < first + n; i++)
		bench->tokens[i] = random_token(bench);
	if (first == 0 && tokenizer_adds_bos(tokenizer))
		bench->tokens[0] = tokenizer_role(tokenizer, TOKEN_BOS);
}

/* ---- tests ---- */

static int evaluate_first(struct bench *bench, uint32_t n)
{
	int r = session_sync(bench->session, bench->tokens, n, NULL);

	return r < 0 ? r : session_evaluate(bench->session, NULL);
}

/* Makes the cache hold DEPTH tokens and nothing else. */
static int go_to_depth(struct bench *bench, uint32_t depth)
{
	int32_t other = bench->tokens[0] == 0 ? 1 : 0;

	/* An engine cannot forget everything, but what differs from the beginning on is no use. */
	return depth > 0 ? evaluate_first(bench, depth)
			 : session_sync(bench->session, &other, 1, NULL);
}

static int prompt_once(struct bench *bench, uint32_t depth, uint32_t n)
{
	fill_tokens(bench, depth, n);
	return evaluate_first(bench, depth + n);
}

static int answer_once(struct bench *bench, uint32_t depth, uint32_t n)
{
	int r = 0;

	for (uint32_t i = 0; i < n && r == 0; i++) {
		fill_tokens(bench, depth + i, 1);
		/* The first one also drops what the run before left behind the depth. */
		if (i == 0)
			r = session_sync(bench->session, bench->tokens, depth + 1, NULL);
		else
			r = session_append(bench->session, bench->tokens[depth + i]);
		if (r == 0)
			r = session_evaluate(bench->session, NULL);
	}
	return r;
}

typedef int (*test_fn)(struct bench *bench, uint32_t depth, uint32_t n);

static void show_progress(const struct bench *bench, const char *name, uint32_t repetition)
{
	char line[128];

	(void)snprintf(line, sizeof(line), "%s: run %" PRIu32 " of %" PRIu32, name, repetition + 1,
		       bench->values->n_repetitions);
	terminal_status(line);
}

static int run_test(struct bench *bench, const char *kind, test_fn test, uint32_t n, uint32_t depth,
		    uint32_t n_warm_up)
{
	char name[BENCH_NAME_MAX];
	int r = 0;

	bench_test_name(kind, n, depth, name);
	if (bench->values->warm_up)
		r = go_to_depth(bench, 0);
	if (r == 0 && bench->values->warm_up)
		r = test(bench, 0, n_warm_up);
	/* The same for all repetitions, so that only the first has to evaluate them. */
	fill_tokens(bench, 0, depth);
	for (uint32_t i = 0; i < bench->values->n_repetitions && r == 0; i++) {
		uint64_t begin;

		show_progress(bench, name, i);
		r = go_to_depth(bench, depth);
		if (r < 0)
			break;
		begin = clock_now_ns();
		r = test(bench, depth, n);
		bench->samples[i] = n / ((double)(clock_now_ns() - begin) * 1e-9);
	}
	terminal_status(NULL);
	if (r == 0)
		bench_report_speed(bench->report, name, bench->samples,
				   bench->values->n_repetitions);
	return r;
}

static int run_tests(struct bench *bench)
{
	const struct bench_values *values = bench->values;
	int r = 0;

	for (uint32_t d = 0; d < values->depths.n && r == 0; d++) {
		uint32_t depth = values->depths.items[d];

		for (uint32_t i = 0; i < values->n_prompts.n && r == 0; i++) {
			uint32_t n = values->n_prompts.items[i];

			if (n > 0)
				r = run_test(bench, "pp", prompt_once, n, depth, n);
		}
		for (uint32_t i = 0; i < values->n_answers.n && r == 0; i++) {
			uint32_t n = values->n_answers.items[i];

			if (n > 0)
				r = run_test(bench, "tg", answer_once, n, depth, 1);
		}
	}
	return r;
}

/* ---- loading ---- */

static enum exit_code load(struct bench *bench)
{
	enum exit_code code = engine_setup_load(bench->setup, &bench->engine);

	if (code != EXIT_CODE_DONE)
		return code;
	return exit_code_of(STAGE_MODEL, session_create(bench->engine, &bench->session));
}

static void unload(struct bench *bench)
{
	session_destroy(TAKE(bench->session));
	engine_destroy(TAKE(bench->engine));
}

static int make_first_token(struct bench *bench)
{
	_cleanup_(sampler_destroy_p) struct sampler *sampler = NULL;
	struct sampler_params greedy = sampler_defaults;
	int r;

	greedy.temperature = 0;
	fill_tokens(bench, 0, FIRST_TOKEN_PROMPT);
	r = evaluate_first(bench, FIRST_TOKEN_PROMPT);
	if (r == 0)
		r = sampler_create(&greedy, engine_model(bench->engine)->n_vocab, &sampler);
	if (r == 0)
		(void)sampler_pick(sampler, session_logits(bench->session));
	return r;
}

/* The first load packs weights and fills caches; it is the second one that is timed. */
static enum exit_code load_timed(struct bench *bench)
{
	enum exit_code code = EXIT_CODE_DONE;
	uint64_t begin, loaded;
	int r;

	if (bench->values->warm_up)
		code = load(bench);
	if (code != EXIT_CODE_DONE)
		return code;
	unload(bench);
	begin = clock_now_ns();
	code = load(bench);
	if (code != EXIT_CODE_DONE)
		return code;
	loaded = clock_now_ns();
	r = make_first_token(bench);
	if (r < 0)
		return exit_code_of(STAGE_RUN, r);
	bench_report_engine(bench->report, bench->engine);
	bench_report_time(bench->report, "load", loaded - begin);
	bench_report_time(bench->report, "ttft", clock_now_ns() - begin);
	return EXIT_CODE_DONE;
}

/* ---- */

static uint32_t largest(const struct option_numbers *numbers)
{
	uint32_t max = 0;

	for (uint32_t i = 0; i < numbers->n; i++)
		max = MAX(max, numbers->items[i]);
	return max;
}

static enum exit_code bench_with_threads(struct bench *bench, uint32_t n_threads)
{
	enum exit_code code;

	bench->setup->params.n_threads = n_threads;
	code = load_timed(bench);
	if (code == EXIT_CODE_DONE)
		code = exit_code_of(STAGE_RUN, run_tests(bench));
	unload(bench);
	return code;
}

static enum exit_code bench_all(struct bench *bench)
{
	const struct bench_values *values = bench->values;
	enum exit_code code = EXIT_CODE_DONE;

	bench->n_ctx = largest(&values->depths) +
		       MAX(largest(&values->n_prompts), largest(&values->n_answers));
	bench->n_ctx = MAX(bench->n_ctx, (uint32_t)FIRST_TOKEN_PROMPT);
	bench->setup->params.n_ctx = bench->n_ctx;
	bench->setup->params.n_batch = values->n_batch;
	bench->tokens = calloc(bench->n_ctx, sizeof(*bench->tokens));
	if (!bench->tokens)
		return exit_code_of(STAGE_RUN, log_oom(bench->log, "preparing the tests"));
	for (uint32_t i = 0; i < values->n_threads.n && code == EXIT_CODE_DONE; i++)
		code = bench_with_threads(bench, values->n_threads.items[i]);
	free(TAKE(bench->tokens));
	return code;
}

enum exit_code bench_run(struct program *program, int argc, char **argv)
{
	_cleanup_(engine_setup_finish) struct engine_setup setup = {0};
	struct bench_values values;
	struct engine_values engine_values;
	struct general_values general;
	struct bench_report report;
	struct bench bench = {
		.values = &values,
		.log = &program->log,
		.report = &report,
		.setup = &setup,
		.random = 88172645463325252u,
	};
	struct arguments arguments;
	enum exit_code code;

	if (!command_parse(program, &bench_options, (void *[]){&values, &engine_values, &general},
			   argc, argv, &arguments, &code))
		return code;
	code = engine_setup_init(&setup, program, &engine_values, arguments.items[0]);
	if (code != EXIT_CODE_DONE)
		return code;
	bench_report_init(&report, (enum bench_format)values.format, arguments.items[0]);
	code = bench_all(&bench);
	if (code == EXIT_CODE_DONE)
		bench_report_memory(&report);
	return bench_report_finish(&report, code, &program->log);
}
