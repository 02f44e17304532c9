// SPDX-License-Identifier: MIT
/*
 * What following a grammar costs beside evaluating a token, on a real model:
 *
 *   mask_cost GGUF [SCHEMA]
 *
 * Generates with a grammar and prints, per token, the microseconds of processor time of mask, pick and
 * accept (mean, median, 99th percentile) beside those of a pick without, and of the clock for a step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "array.h"
#include "clock.h"
#include "engine.h"
#include "json_schema.h"
#include "session.h"
#include "token_filter.h"

enum { ROUNDS = 6, TOKENS_OF_ROUND = 150 };

static const char *const schemas[] = {
	"{}",
	"{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":"
	"\"string\"},\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":120},\"tags\":{\"type\":"
	"\"array\",\"items\":{\"enum\":[\"red\",\"green\",\"blue\"]}},\"note\":{\"type\":\"string\"}},"
	"\"required\":[\"name\",\"age\"]},\"minItems\":5}",
	"{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":60},\"minItems\":20}",
	"{\"type\":\"string\",\"pattern\":\"^[A-Za-z ,.]+$\"}",
};

struct times {
	double *us;
	size_t n, capacity;
};

static void note(struct times *times, uint64_t ns)
{
	if (array_reserve(&times->us, &times->capacity, times->n + 1, sizeof(*times->us)) == 0)
		times->us[times->n++] = (double)ns * 1e-3;
}

/* What this thread has used: a busy machine does not change it. */
static uint64_t used_ns(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

static double mean(const struct times *times)
{
	double sum = 0;

	for (size_t i = 0; i < times->n; i++)
		sum += times->us[i];
	return times->n > 0 ? sum / (double)times->n : 0;
}

static double percentile(const struct times *times, double p)
{
	return times->n > 0 ? times->us[(size_t)((double)(times->n - 1) * p)] : 0;
}

static void print(const char *what, struct times *times)
{
	qsort(times->us, times->n, sizeof(*times->us), compare);
	printf("  %-22s mean %8.1f  median %8.1f  p99 %8.1f us  (%zu tokens)\n", what, mean(times),
	       percentile(times, 0.5), percentile(times, 0.99), times->n);
}

struct measure {
	struct engine *engine;
	struct session *session;
	const struct grammar *grammar;
	struct times masked, plain, step;
};

static int pick(struct measure *measure, struct token_filter *filter, struct sampler *sampler,
		int32_t *token)
{
	const float *logits = session_logits(measure->session);
	uint64_t begin = used_ns();
	struct sampler_mask mask;
	int r = token_filter_mask(filter, &mask);

	if (r < 0)
		return r;
	*token = sampler_pick_masked(sampler, logits, &mask);
	r = *token < 0 ? *token : token_filter_accept(filter, *token);
	note(&measure->masked, used_ns() - begin);
	return r;
}

static int one_round(struct measure *measure, uint64_t seed)
{
	struct token_filter_params params = {measure->grammar, engine_vocabulary(measure->engine),
					     true};
	struct sampler_params sampler_params = sampler_defaults;
	struct sampler *sampler = NULL, *other = NULL;
	struct token_filter *filter = NULL;
	uint32_t n_vocab = engine_model(measure->engine)->n_vocab;
	int32_t token = 1;
	int r;

	sampler_params.seed = seed;
	r = sampler_create(&sampler_params, n_vocab, &sampler);
	if (r == 0)
		r = sampler_create(&sampler_params, n_vocab, &other);
	if (r == 0)
		r = token_filter_create(&params, &filter);
	if (r == 0)
		r = session_sync(measure->session, &token, 1, NULL);
	for (unsigned i = 0; i < TOKENS_OF_ROUND && r == 0; i++) {
		uint64_t begin = clock_now_ns();

		r = session_evaluate(measure->session, NULL);
		note(&measure->step, clock_now_ns() - begin);
		begin = used_ns();
		(void)sampler_pick(other, session_logits(measure->session));
		note(&measure->plain, used_ns() - begin);
		r = pick(measure, filter, sampler, &token);
		if (r == 0)
			r = session_append(measure->session, token);
	}
	token_filter_destroy(filter);
	sampler_destroy(sampler);
	sampler_destroy(other);
	return r < 0 ? r : 0;
}

static int measure_schema(struct engine *engine, const char *schema)
{
	struct measure measure = {.engine = engine};
	struct grammar *grammar = NULL;
	uint64_t begin = clock_now_ns();
	double more;
	int r = grammar_from_schema(schema, strlen(schema), NULL, &grammar);

	if (r < 0)
		return r;
	printf("%.100s\n  compiled in %.2f ms: %u states\n", schema,
	       (double)(clock_now_ns() - begin) * 1e-6, grammar->n_states);
	measure.grammar = grammar;
	r = session_create(engine, &measure.session);
	for (uint64_t i = 0; i < ROUNDS && r == 0; i++)
		r = one_round(&measure, i);
	more = mean(&measure.masked) - mean(&measure.plain);
	print("pick with the grammar", &measure.masked);
	print("pick without", &measure.plain);
	print("step", &measure.step);
	printf("  the grammar adds %.1f us, %.2f %% of a token's time without it\n", more,
	       100 * more / (percentile(&measure.step, 0.5) + mean(&measure.plain)));
	session_destroy(measure.session);
	grammar_destroy(grammar);
	free(measure.masked.us);
	free(measure.plain.us);
	free(measure.step.us);
	return r;
}

int main(int argc, char **argv)
{
	struct engine_params params = {.model_path = argc > 1 ? argv[1] : "", .n_ctx = 1024};
	const struct token_trie *trie;
	struct engine *engine;
	uint64_t begin;
	int r;

	if (argc < 2 || engine_create(&params, &engine) < 0)
		return 2;
	begin = clock_now_ns();
	r = vocabulary_token_trie(engine_vocabulary(engine), &trie);
	if (r == 0)
		printf("tree of %u tokens: %u nodes, made in %.1f ms\n",
		       engine_model(engine)->n_vocab, trie->n_nodes,
		       (double)(clock_now_ns() - begin) * 1e-6);
	for (size_t i = 0; i < ARRAY_SIZE(schemas) && r == 0 && argc < 3; i++)
		r = measure_schema(engine, schemas[i]);
	if (argc > 2)
		r = measure_schema(engine, argv[2]);
	engine_destroy(engine);
	return r < 0;
}
