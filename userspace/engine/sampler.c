// SPDX-License-Identifier: MIT
/*
 * Owns the choice of a token. Works on a list of candidates that shrinks step by step, because a
 * vocabulary may have 262 144 entries and a choice must cost microseconds beside a token's
 * milliseconds. Random numbers are its own (xoshiro256**), so that a seed gives the same answer on
 * every machine.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "sampler.h"

struct candidate {
	int32_t token;
	float logit;
};

struct sampler {
	struct sampler_params params; /* biases point to our copy */
	uint32_t n_vocab;
	uint64_t random[4];
	int32_t *recent; /* [penalty_last_n], a ring */
	uint32_t n_recent;
	uint32_t recent_at;
	uint16_t *counts; /* [n_vocab], occurrences among the recent */
	uint32_t *picks;  /* [n_vocab], the pick that penalised it last */
	uint32_t n_picks;
	float *adjusted;		 /* [n_vocab], logits after bias and penalties */
	struct candidate *candidates;	 /* [n_vocab] */
	const struct sampler_mask *mask; /* of the pick under way; NULL: none */
	int mask_error;
};

const struct sampler_params sampler_defaults = {
	.temperature = 0.8f,
	.top_k = 40,
	.top_p = 0.95f,
	.min_p = 0.05f,
	.repeat_penalty = 1,
	.penalty_last_n = 64,
	.seed = 0,
};

DEFINE_CLEANUP(struct sampler, sampler_destroy)

/* ---- random numbers: xoshiro256** by Blackman and Vigna, seeded by splitmix64 ---- */

static uint64_t rotate_left(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void random_seed(uint64_t state[4], uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15u;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		state[i] = z ^ z >> 31;
	}
}

/* In [0, 1). */
static double random_unit(uint64_t s[4])
{
	uint64_t result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return (double)(result >> 11) * 0x1p-53;
}

/* ---- life ---- */

static bool params_make_sense(const struct sampler_params *params, uint32_t n_vocab)
{
	if (!(params->temperature >= 0) || !(params->top_p > 0) || !(params->top_p <= 1) ||
	    !(params->min_p >= 0) || !(params->min_p <= 1) || !(params->repeat_penalty > 0))
		return false;
	if (!isfinite(params->frequency_penalty) || !isfinite(params->presence_penalty) ||
	    !isfinite(params->temperature) || !isfinite(params->repeat_penalty))
		return false;
	if (params->penalty_last_n > UINT16_MAX || params->n_biases > SAMPLER_BIASES_MAX)
		return false;
	for (uint32_t i = 0; i < params->n_biases; i++) {
		if (params->biases[i].token < 0 || (uint32_t)params->biases[i].token >= n_vocab ||
		    isnan(params->biases[i].bias))
			return false;
	}
	return true;
}

static bool has_penalties(const struct sampler_params *params)
{
	return params->penalty_last_n > 0 &&
	       (params->repeat_penalty != 1 || params->frequency_penalty != 0 ||
		params->presence_penalty != 0);
}

static int allocate(struct sampler *sampler, const struct sampler_params *params)
{
	struct logit_bias *biases = NULL;

	if (params->n_biases > 0) {
		biases = calloc(params->n_biases, sizeof(*biases));
		if (!biases)
			return -ENOMEM;
		memcpy(biases, params->biases, params->n_biases * sizeof(*biases));
	}
	sampler->params.biases = biases;
	sampler->adjusted = calloc(sampler->n_vocab, sizeof(*sampler->adjusted));
	sampler->candidates = calloc(sampler->n_vocab, sizeof(*sampler->candidates));
	if (!sampler->adjusted || !sampler->candidates)
		return -ENOMEM;
	if (!has_penalties(params))
		return 0;
	sampler->recent = calloc(params->penalty_last_n, sizeof(*sampler->recent));
	sampler->counts = calloc(sampler->n_vocab, sizeof(*sampler->counts));
	sampler->picks = calloc(sampler->n_vocab, sizeof(*sampler->picks));
	return sampler->recent && sampler->counts && sampler->picks ? 0 : -ENOMEM;
}

int sampler_create(const struct sampler_params *params, uint32_t n_vocab,
		   struct sampler **ret_sampler)
{
	_cleanup_(sampler_destroy_p) struct sampler *sampler = NULL;
	int r;

	if (n_vocab == 0 || !params_make_sense(params, n_vocab))
		return -EINVAL;
	sampler = calloc(1, sizeof(*sampler));
	if (!sampler)
		return -ENOMEM;
	sampler->params = *params;
	sampler->params.biases = NULL;
	sampler->n_vocab = n_vocab;
	r = allocate(sampler, params);
	if (r < 0)
		return r;
	random_seed(sampler->random, params->seed);
	*ret_sampler = TAKE(sampler);
	return 0;
}

void sampler_destroy(struct sampler *sampler)
{
	if (!sampler)
		return;
	free((void *)sampler->params.biases);
	free(sampler->recent);
	free(sampler->counts);
	free(sampler->picks);
	free(sampler->adjusted);
	free(sampler->candidates);
	free(sampler);
}

/* ---- recent tokens ---- */

static void accept(struct sampler *sampler, int32_t token)
{
	uint32_t last_n = sampler->params.penalty_last_n;

	if (!sampler->recent || token < 0 || (uint32_t)token >= sampler->n_vocab)
		return;
	if (sampler->n_recent == last_n)
		sampler->counts[sampler->recent[sampler->recent_at]]--;
	else
		sampler->n_recent++;
	sampler->recent[sampler->recent_at] = token;
	sampler->recent_at = (sampler->recent_at + 1) % last_n;
	sampler->counts[token]++;
}

void sampler_accept(struct sampler *sampler, const int32_t *tokens, size_t n)
{
	for (size_t i = 0; i < n; i++)
		accept(sampler, tokens[i]);
}

/* ---- steps ---- */

static void penalise(struct sampler *sampler, int32_t token)
{
	const struct sampler_params *params = &sampler->params;
	float *logit = &sampler->adjusted[token], count = sampler->counts[token];

	if (params->repeat_penalty != 1)
		*logit = *logit > 0 ? *logit / params->repeat_penalty
				    : *logit * params->repeat_penalty;
	*logit -= count * params->frequency_penalty + params->presence_penalty;
}

/* Logits with bias and penalties; LOGITS themselves where there is nothing to change. */
static const float *adjust(struct sampler *sampler, const float *logits)
{
	const struct sampler_params *params = &sampler->params;

	if (params->n_biases == 0 && sampler->n_recent == 0)
		return logits;
	memcpy(sampler->adjusted, logits, sampler->n_vocab * sizeof(*logits));
	for (uint32_t i = 0; i < params->n_biases; i++) {
		float *logit = &sampler->adjusted[params->biases[i].token];

		*logit = params->biases[i].bias <= -100 ? -INFINITY
							: *logit + params->biases[i].bias;
	}
	/* A token that occurs twice among the recent is penalised once. */
	sampler->n_picks++;
	for (uint32_t i = 0; i < sampler->n_recent; i++) {
		int32_t token = sampler->recent[i];

		if (sampler->picks[token] != sampler->n_picks)
			penalise(sampler, token);
		sampler->picks[token] = sampler->n_picks;
	}
	return sampler->adjusted;
}

/* What the mask has to say; it comes last in each condition, because it takes longest. */
static bool admits(struct sampler *sampler, uint32_t token)
{
	int r;

	if (!sampler->mask || sampler->mask->tokens)
		return true;
	r = sampler->mask->allows(sampler->mask->data, (int32_t)token);
	if (r < 0)
		sampler->mask_error = r;
	return r > 0;
}

/*
 * The loops over tokens exist twice: over the list of a mask that has one, and over all, where
 * looking for a list at each token would take time.
 */
#define TWICE static inline __attribute__((always_inline))

TWICE uint32_t token_at(const int32_t *tokens, uint32_t i)
{
	return tokens ? (uint32_t)tokens[i] : i;
}

/* The most likely of TOKENS [N], or of all where that is NULL; N when none is possible. */
TWICE uint32_t best_of(struct sampler *sampler, const float *logits, const int32_t *tokens,
		       uint32_t n)
{
	uint32_t best = 0;

	while (best < n &&
	       (isnan(logits[token_at(tokens, best)]) || !admits(sampler, token_at(tokens, best))))
		best++;
	for (uint32_t i = best + 1; i < n; i++) {
		uint32_t token = token_at(tokens, i);

		if (logits[token] > logits[token_at(tokens, best)] && admits(sampler, token))
			best = i;
	}
	return best;
}

static int32_t most_likely(struct sampler *sampler, const float *logits)
{
	const struct sampler_mask *mask = sampler->mask;
	uint32_t n = sampler->n_vocab, best;

	if (mask && mask->tokens) {
		best = best_of(sampler, logits, mask->tokens, mask->n_tokens);
		return best < mask->n_tokens ? mask->tokens[best] : -ENOENT;
	}
	best = best_of(sampler, logits, NULL, n);
	if (best < n)
		return (int32_t)best;
	return mask ? -ENOENT : (int32_t)(n - 1);
}

static bool before(const struct candidate *a, const struct candidate *b)
{
	return a->logit > b->logit || (a->logit == b->logit && a->token < b->token);
}

static int compare_candidates(const void *a, const void *b)
{
	return before(a, b) ? -1 : before(b, a) ? 1 : 0;
}

/* Restores the heap below I; the candidate that comes last is on top. */
static void sift_down(struct candidate *heap, uint32_t n, uint32_t i)
{
	struct candidate moving = heap[i];

	for (uint32_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
		if (child + 1 < n && before(&heap[child], &heap[child + 1]))
			child++;
		if (before(&heap[child], &moving))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = moving;
}

/* The K best, sorted: a heap of K whose worst bars the way to nearly everything. */
TWICE uint32_t top_k_of(struct sampler *sampler, const float *logits, const int32_t *tokens,
			uint32_t n_tokens, uint32_t k)
{
	struct candidate *heap = sampler->candidates;
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_tokens; i++) {
		uint32_t token = token_at(tokens, i);
		struct candidate candidate = {(int32_t)token, logits[token]};

		if (!(candidate.logit > -INFINITY) || (n == k && !before(&candidate, &heap[0])) ||
		    !admits(sampler, token))
			continue;
		if (n < k) {
			heap[n++] = candidate;
			if (n == k)
				for (uint32_t root = k / 2; root-- > 0;)
					sift_down(heap, k, root);
		} else {
			heap[0] = candidate;
			sift_down(heap, k, 0);
		}
	}
	qsort(heap, n, sizeof(*heap), compare_candidates);
	return n;
}

static uint32_t keep_top_k(struct sampler *sampler, const float *logits, uint32_t k)
{
	const struct sampler_mask *mask = sampler->mask;

	if (mask && mask->tokens)
		return top_k_of(sampler, logits, mask->tokens, mask->n_tokens, k);
	return top_k_of(sampler, logits, NULL, sampler->n_vocab, k);
}

/*
 * All that min-p will leave, sorted, where nothing bounds their number; it comes first because it
 * needs no sorting. *RET_SUM is the mass of all, of which top-p wants its share.
 */
TWICE uint32_t likely_of(struct sampler *sampler, const float *logits, const int32_t *tokens,
			 uint32_t n_tokens, float best, double *ret_sum)
{
	/* What is 1e-9 as likely as the best never decides anything that a float can count. */
	float lowest = best + logf(1e-9f), floor = best + logf(fmaxf(sampler->params.min_p, 1e-9f));
	double sum = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_tokens; i++) {
		uint32_t token = token_at(tokens, i);

		if (!(logits[token] >= lowest) || !admits(sampler, token))
			continue;
		sum += exp((double)(logits[token] - best));
		if (logits[token] >= floor)
			sampler->candidates[n++] =
				(struct candidate){(int32_t)token, logits[token]};
	}
	qsort(sampler->candidates, n, sizeof(*sampler->candidates), compare_candidates);
	*ret_sum = sum;
	return n;
}

static uint32_t keep_likely(struct sampler *sampler, const float *logits, double *ret_sum)
{
	const struct sampler_mask *mask = sampler->mask;
	int32_t best = most_likely(sampler, logits);

	if (best < 0 || !(logits[best] > -INFINITY))
		return 0;
	if (mask && mask->tokens)
		return likely_of(sampler, logits, mask->tokens, mask->n_tokens, logits[best],
				 ret_sum);
	return likely_of(sampler, logits, NULL, sampler->n_vocab, logits[best], ret_sum);
}

static double mass_of(const struct sampler *sampler, uint32_t n)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += exp((double)(sampler->candidates[i].logit - sampler->candidates[0].logit));
	return sum;
}

/* Of N candidates, the fewest whose mass reaches top-p of SUM. */
static uint32_t keep_top_p(const struct sampler *sampler, uint32_t n, double sum)
{
	double reached = 0;

	if (sampler->params.top_p >= 1)
		return n;
	for (uint32_t i = 0; i < n; i++) {
		reached +=
			exp((double)(sampler->candidates[i].logit - sampler->candidates[0].logit));
		if (reached >= (double)sampler->params.top_p * sum)
			return i + 1;
	}
	return n;
}

static uint32_t keep_min_p(const struct sampler *sampler, uint32_t n)
{
	float floor;

	if (sampler->params.min_p <= 0)
		return n;
	floor = sampler->candidates[0].logit + logf(sampler->params.min_p);
	while (n > 1 && sampler->candidates[n - 1].logit < floor)
		n--;
	return n;
}

static int32_t draw(struct sampler *sampler, uint32_t n)
{
	double best = (double)sampler->candidates[0].logit, sum = 0, point;
	double inverse = 1 / (double)sampler->params.temperature;

	for (uint32_t i = 0; i < n; i++)
		sum += exp(((double)sampler->candidates[i].logit - best) * inverse);
	point = random_unit(sampler->random) * sum;
	for (uint32_t i = 0; i < n; i++) {
		point -= exp(((double)sampler->candidates[i].logit - best) * inverse);
		if (point < 0)
			return sampler->candidates[i].token;
	}
	return sampler->candidates[n - 1].token;
}

/* The candidates that are left to draw from. */
static uint32_t keep(struct sampler *sampler, const float *logits)
{
	const struct sampler_params *params = &sampler->params;
	double sum = 0;
	uint32_t n;

	if (params->top_k > 0 && params->top_k < sampler->n_vocab) {
		n = keep_top_k(sampler, logits, params->top_k);
		sum = mass_of(sampler, n);
	} else {
		n = keep_likely(sampler, logits, &sum);
	}
	return n > 0 ? keep_min_p(sampler, keep_top_p(sampler, n, sum)) : 0;
}

int32_t sampler_pick_masked(struct sampler *sampler, const float *logits,
			    const struct sampler_mask *mask)
{
	uint32_t n = 0;
	int32_t token;

	sampler->mask = mask;
	sampler->mask_error = 0;
	logits = adjust(sampler, logits);
	if (sampler->params.temperature > 0)
		n = keep(sampler, logits);
	token = n > 0 ? draw(sampler, n) : most_likely(sampler, logits);
	sampler->mask = NULL;
	if (sampler->mask_error < 0)
		return sampler->mask_error;
	accept(sampler, token);
	return token;
}

int32_t sampler_pick(struct sampler *sampler, const float *logits)
{
	return sampler_pick_masked(sampler, logits, NULL);
}
