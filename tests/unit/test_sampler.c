// SPDX-License-Identifier: MIT
/* The choice of tokens, held against formulas written plainly: probabilities over all tokens. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>

#include "array.h"
#include "check.h"
#include "sampler.h"

enum { N = 50, DRAWS = 40000 };

static const struct sampler_params neutral = {
	.temperature = 1, .top_p = 1, .repeat_penalty = 1, .seed = 1};

static void fill_logits(float logits[N], uint32_t seed)
{
	for (int i = 0; i < N; i++) {
		seed = seed * 1664525 + 1013904223;
		logits[i] = (float)(seed >> 8) / (1 << 24) * 8 - 4;
	}
}

/* ---- the plain formulas ---- */

static void softmax(const double *logits, double *p)
{
	double sum = 0;

	for (int i = 0; i < N; i++)
		sum += exp(logits[i]);
	for (int i = 0; i < N; i++)
		p[i] = exp(logits[i]) / sum;
}

static int n_better(const double *values, int i)
{
	int n = 0;

	for (int k = 0; k < N; k++)
		n += values[k] > values[i] || (values[k] == values[i] && k < i);
	return n;
}

static void renormalise(double *p)
{
	double sum = 0;

	for (int i = 0; i < N; i++)
		sum += p[i];
	for (int i = 0; i < N; i++)
		p[i] /= sum;
}

static void apply_top_k(double *p, uint32_t k)
{
	bool out[N];

	for (int i = 0; i < N; i++)
		out[i] = k > 0 && n_better(p, i) >= (int)k;
	for (int i = 0; i < N; i++)
		p[i] = out[i] ? 0 : p[i];
	renormalise(p);
}

/* A token stays if those before it have not reached P yet. */
static void apply_top_p(double *p, double top_p)
{
	bool out[N];

	for (int i = 0; i < N; i++) {
		double before = 0;

		for (int k = 0; k < N; k++)
			before += n_better(p, k) < n_better(p, i) ? p[k] : 0;
		out[i] = before >= top_p;
	}
	for (int i = 0; i < N; i++)
		p[i] = out[i] ? 0 : p[i];
	renormalise(p);
}

static void apply_min_p(double *p, double min_p)
{
	double best = 0;

	for (int i = 0; i < N; i++)
		best = fmax(best, p[i]);
	for (int i = 0; i < N; i++)
		p[i] = p[i] < min_p * best ? 0 : p[i];
	renormalise(p);
}

static void apply_temperature(double *p, double temperature)
{
	for (int i = 0; i < N; i++)
		p[i] = p[i] > 0 ? pow(p[i], 1 / temperature) : 0;
	renormalise(p);
}

static void wanted_distribution(const struct sampler_params *params, const float *logits, double *p)
{
	double wide[N];

	for (int i = 0; i < N; i++)
		wide[i] = (double)logits[i];
	softmax(wide, p);
	apply_top_k(p, params->top_k);
	apply_top_p(p, (double)params->top_p);
	apply_min_p(p, (double)params->min_p);
	apply_temperature(p, (double)params->temperature);
}

/* ---- */

static struct sampler *make(const struct sampler_params *params)
{
	struct sampler *sampler;

	assert_int_equal(sampler_create(params, N, &sampler), 0);
	return sampler;
}

/* Every token as often as it should be, within five standard deviations; never what should not. */
static void check_distribution(const struct sampler_params *params, const float *logits)
{
	struct sampler *sampler = make(params);
	unsigned counts[N] = {0};
	double p[N];

	wanted_distribution(params, logits, p);
	for (int i = 0; i < DRAWS; i++)
		counts[sampler_pick(sampler, logits)]++;
	for (int i = 0; i < N; i++) {
		double mean = DRAWS * p[i], deviation = sqrt(DRAWS * p[i] * (1 - p[i]));

		if (p[i] == 0)
			assert_int_equal(counts[i], 0);
		else
			assert_true(fabs(counts[i] - mean) <= 5 * deviation + 1);
	}
	sampler_destroy(sampler);
}

static void draws_follow_the_formulas(void **state)
{
	static const struct {
		float temperature, top_p, min_p;
		uint32_t top_k;
	} cases[] = {
		{1, 1, 0, 0},	    {0.5f, 1, 0, 0},	  {2, 1, 0, 0},
		{1, 1, 0, 1},	    {1, 1, 0, 5},	  {1, 1, 0, N},
		{1, 1, 0, N + 10},  {1, 0.5f, 0, 0},	  {1, 0.9f, 0, 0},
		{1, 0.01f, 0, 0},   {1, 1, 0.1f, 0},	  {1, 1, 1, 0},
		{1, 0.9f, 0.2f, 0}, {1, 0.7f, 0.05f, 20}, {0.8f, 0.95f, 0.05f, 40},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sampler_params params = neutral;
		float logits[N];

		params.temperature = cases[i].temperature;
		params.top_p = cases[i].top_p;
		params.min_p = cases[i].min_p;
		params.top_k = cases[i].top_k;
		fill_logits(logits, (uint32_t)i);
		check_distribution(&params, logits);
	}
}

static void temperature_zero_takes_the_likeliest(void **state)
{
	struct sampler_params params = neutral;
	struct sampler *sampler;
	float logits[N];
	int best = 0;

	(void)state;
	fill_logits(logits, 3);
	for (int i = 1; i < N; i++)
		best = logits[i] > logits[best] ? i : best;
	params.temperature = 0;
	params.top_k = 1;
	sampler = make(&params);
	assert_int_equal(sampler_pick(sampler, logits), best);
	logits[best] = NAN;
	assert_int_not_equal(sampler_pick(sampler, logits), best);
	sampler_destroy(sampler);
}

static void nan_is_never_drawn(void **state)
{
	struct sampler_params params = neutral;

	(void)state;
	for (uint32_t top_k = 0; top_k < 3; top_k++) {
		struct sampler *sampler;
		float logits[N];

		params.top_k = top_k * 10;
		sampler = make(&params);
		fill_logits(logits, 5);
		for (int i = 0; i < N; i += 2)
			logits[i] = NAN;
		for (int i = 0; i < 500; i++)
			assert_true(sampler_pick(sampler, logits) % 2 == 1);
		sampler_destroy(sampler);
	}
}

static void a_seed_gives_the_same_tokens(void **state)
{
	struct sampler_params params = sampler_defaults;
	struct sampler *samplers[3];
	unsigned n_different = 0;
	float logits[N];

	(void)state;
	params.seed = 42;
	samplers[0] = make(&params);
	samplers[1] = make(&params);
	params.seed = 43;
	samplers[2] = make(&params);
	for (uint32_t i = 0; i < 200; i++) {
		int32_t token;

		fill_logits(logits, i);
		token = sampler_pick(samplers[0], logits);
		assert_int_equal(sampler_pick(samplers[1], logits), token);
		n_different += sampler_pick(samplers[2], logits) != token;
	}
	assert_true(n_different > 50);
	for (int i = 0; i < 3; i++)
		sampler_destroy(samplers[i]);
}

static void biases_are_added_and_ban(void **state)
{
	struct logit_bias biases[] = {{7, 100}, {8, -100}, {9, 2}};
	struct sampler_params params = neutral;
	struct sampler *sampler;
	unsigned nines = 0;
	float logits[N] = {0};
	double p9 = exp(2) / (exp(2) + N - 2);

	(void)state;
	params.biases = biases;
	params.n_biases = 1;
	sampler = make(&params);
	for (int i = 0; i < 100; i++)
		assert_int_equal(sampler_pick(sampler, logits), 7);
	sampler_destroy(sampler);
	params.biases = biases + 1;
	params.n_biases = 2;
	sampler = make(&params);
	for (int i = 0; i < DRAWS; i++) {
		int32_t token = sampler_pick(sampler, logits);

		assert_int_not_equal(token, 8);
		nines += token == 9;
	}
	assert_true(fabs(nines - DRAWS * p9) < 5 * sqrt(DRAWS * p9 * (1 - p9)));
	sampler_destroy(sampler);
}

static int32_t greedy_after(struct sampler_params params, const int32_t *tokens, size_t n,
			    const float *logits)
{
	struct sampler *sampler;
	int32_t token;

	params.temperature = 0;
	sampler = make(&params);
	sampler_accept(sampler, tokens, n);
	token = sampler_pick(sampler, logits);
	sampler_destroy(sampler);
	return token;
}

/* Two tokens at a distance that a penalty just bridges, or just does not. */
static void penalties_take_off_what_they_say(void **state)
{
	static const int32_t recent[] = {1, 1, 1, 2};
	struct sampler_params params = neutral;
	float logits[N];

	(void)state;
	for (int i = 0; i < N; i++)
		logits[i] = -50;
	params.penalty_last_n = 64;

	logits[1] = 4;
	logits[3] = 2.1f;
	params.repeat_penalty = 2; /* once, however often it occurred: 4 becomes 2 */
	assert_int_equal(greedy_after(params, recent, 4, logits), 3);
	logits[3] = 1.9f;
	assert_int_equal(greedy_after(params, recent, 4, logits), 1);
	logits[1] = -1; /* negative ones are multiplied: -1 becomes -2 */
	logits[3] = -1.9f;
	assert_int_equal(greedy_after(params, recent, 4, logits), 3);
	logits[3] = -2.1f;
	assert_int_equal(greedy_after(params, recent, 4, logits), 1);

	params.repeat_penalty = 1;
	params.frequency_penalty = 0.5f; /* three times */
	logits[1] = 4;
	logits[3] = 2.6f;
	assert_int_equal(greedy_after(params, recent, 4, logits), 3);
	logits[3] = 2.4f;
	assert_int_equal(greedy_after(params, recent, 4, logits), 1);

	params.frequency_penalty = 0;
	params.presence_penalty = 0.5f; /* once */
	logits[3] = 3.6f;
	assert_int_equal(greedy_after(params, recent, 4, logits), 3);
	logits[3] = 3.4f;
	assert_int_equal(greedy_after(params, recent, 4, logits), 1);
}

static void only_recent_tokens_are_penalised(void **state)
{
	static const int32_t text[] = {1, 2, 2, 2};
	struct sampler_params params = neutral;
	float logits[N] = {0};

	(void)state;
	logits[1] = 1;
	params.presence_penalty = 5;
	params.penalty_last_n = 4;
	assert_int_not_equal(greedy_after(params, text, 4, logits), 1);
	params.penalty_last_n = 3;
	assert_int_equal(greedy_after(params, text, 4, logits), 1);
	params.penalty_last_n = 0;
	assert_int_equal(greedy_after(params, text, 4, logits), 1);
}

/* What it picked itself counts too, and leaves again after last_n. */
static void its_own_tokens_count(void **state)
{
	struct sampler_params params = neutral;
	struct sampler *sampler;
	float logits[N] = {0};

	(void)state;
	for (int i = 0; i < 3; i++)
		logits[i] = 10 - (float)i * 0.1f;
	params.temperature = 0;
	params.presence_penalty = 5;
	params.penalty_last_n = 2;
	sampler = make(&params);
	for (int i = 0; i < 9; i++)
		assert_int_equal(sampler_pick(sampler, logits), i % 3);
	sampler_destroy(sampler);
}

static void logits_are_left_as_they_are(void **state)
{
	struct logit_bias bias = {3, 5};
	struct sampler_params params = sampler_defaults;
	struct sampler *sampler;
	float logits[N], copy[N];

	(void)state;
	params.biases = &bias;
	params.n_biases = 1;
	params.repeat_penalty = 1.3f;
	sampler = make(&params);
	fill_logits(logits, 9);
	memcpy(copy, logits, sizeof(copy));
	for (int i = 0; i < 20; i++)
		(void)sampler_pick(sampler, logits);
	assert_memory_equal(logits, copy, sizeof(copy));
	sampler_destroy(sampler);
}

/* ---- masks ---- */

static int allows_some(void *data, int32_t token)
{
	const bool *allowed = data;

	return allowed[token];
}

/* Whatever is set, a mask is the same as logits of -infinity, by a list and by questions. */
static void a_mask_is_minus_infinity(void **state)
{
	static const struct logit_bias bias = {7, 3};
	struct sampler_params cases[] = {neutral, neutral, neutral, neutral, neutral, neutral};
	float logits[N], masked[N];
	int32_t tokens[N];
	bool allowed[N];

	(void)state;
	cases[1].top_k = 5;
	cases[2].top_p = 0.7f;
	cases[3].min_p = 0.2f;
	cases[4].temperature = 0;
	cases[5] = sampler_defaults;
	cases[5].frequency_penalty = 0.5f;
	cases[5].biases = &bias;
	cases[5].n_biases = 1;
	for (uint32_t round = 0; round < 60; round++) {
		struct sampler_mask mask = {allows_some, allowed, round % 2 ? tokens : NULL, 0};
		const struct sampler_params *params = &cases[round % ARRAY_SIZE(cases)];
		struct sampler *one = make(params), *other = make(params);

		fill_logits(logits, round);
		for (int i = 0; i < N; i++) {
			allowed[i] = (round * 7 + (uint32_t)i * 13) % (2 + round % 9) == 1;
			masked[i] = allowed[i] ? logits[i] : -INFINITY;
			tokens[mask.n_tokens] = i;
			mask.n_tokens += allowed[i];
		}
		for (int i = 0; i < 50; i++)
			assert_int_equal(sampler_pick_masked(one, logits, &mask),
					 sampler_pick(other, masked));
		sampler_destroy(one);
		sampler_destroy(other);
	}
}

static int allows_none(void *data, int32_t token)
{
	(void)token;
	return *(int *)data;
}

static void a_mask_may_leave_nothing_or_fail(void **state)
{
	int error = 0;
	struct sampler_mask mask = {.allows = allows_none, .data = &error};
	struct sampler_params params = neutral;
	float logits[N];

	(void)state;
	fill_logits(logits, 3);
	for (int i = 0; i < 6; i++) {
		struct sampler *sampler;

		params.temperature = (float)(i % 2);
		params.top_k = i < 4 ? 0 : 10;
		sampler = make(&params);
		error = i < 2 ? -ENOMEM : 0;
		assert_int_equal(sampler_pick_masked(sampler, logits, &mask),
				 i < 2 ? -ENOMEM : -ENOENT);
		mask.tokens = (int32_t[]){1};
		if (i >= 2)
			assert_int_equal(sampler_pick_masked(sampler, logits, &mask), -ENOENT);
		mask.tokens = NULL;
		(void)sampler_pick(sampler, logits);
		sampler_destroy(sampler);
	}
}

static void numbers_without_sense_are_refused(void **state)
{
	static const struct logit_bias beyond = {N, 1}, negative = {-1, 1}, nan_bias = {1, NAN};
	struct sampler_params cases[16];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cases[i] = neutral;
	cases[n++].temperature = -1;
	cases[n++].temperature = NAN;
	cases[n++].temperature = INFINITY;
	cases[n++].top_p = 0;
	cases[n++].top_p = 1.5f;
	cases[n++].top_p = NAN;
	cases[n++].min_p = -0.1f;
	cases[n++].min_p = 1.1f;
	cases[n++].repeat_penalty = 0;
	cases[n++].repeat_penalty = NAN;
	cases[n++].frequency_penalty = NAN;
	cases[n++].presence_penalty = INFINITY;
	cases[n++].penalty_last_n = UINT16_MAX + 1;
	cases[n].biases = &beyond;
	cases[n++].n_biases = 1;
	cases[n].biases = &negative;
	cases[n++].n_biases = 1;
	cases[n].biases = &nan_bias;
	cases[n++].n_biases = 1;
	for (size_t i = 0; i < n; i++) {
		struct sampler *sampler = NULL;

		assert_int_equal(sampler_create(&cases[i], N, &sampler), -EINVAL);
		assert_null(sampler);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_follow_the_formulas),
		cmocka_unit_test(temperature_zero_takes_the_likeliest),
		cmocka_unit_test(nan_is_never_drawn),
		cmocka_unit_test(a_seed_gives_the_same_tokens),
		cmocka_unit_test(biases_are_added_and_ban),
		cmocka_unit_test(penalties_take_off_what_they_say),
		cmocka_unit_test(only_recent_tokens_are_penalised),
		cmocka_unit_test(its_own_tokens_count),
		cmocka_unit_test(logits_are_left_as_they_are),
		cmocka_unit_test(a_mask_is_minus_infinity),
		cmocka_unit_test(a_mask_may_leave_nothing_or_fail),
		cmocka_unit_test(numbers_without_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
