// SPDX-License-Identifier: MIT
/* Owns the arithmetic of perplexity and of the divergence between two distributions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "score.h"

enum { CODE_MAX = 65535 };

/* What is less likely than e^-16 does not count, neither when a row is stored nor compared. */
static const float log_p_floor = -16;

/* log of the sum of e^x, and where the largest x is. */
struct softmax {
	float max;
	float log_sum;
	uint32_t top;
};

static struct softmax softmax_of(const float *logits, uint32_t n_vocab)
{
	struct softmax softmax = {.max = logits[0]};
	double sum = 0;

	for (uint32_t i = 1; i < n_vocab; i++) {
		if (logits[i] > softmax.max) {
			softmax.max = logits[i];
			softmax.top = i;
		}
	}
	for (uint32_t i = 0; i < n_vocab; i++)
		sum += (double)expf(logits[i] - softmax.max);
	softmax.log_sum = (float)log(sum);
	return softmax;
}

static double add_nll(struct score *score, const struct softmax *softmax, float logit)
{
	double nll = (double)(softmax->max + softmax->log_sum - logit);

	score->n++;
	score->nll += nll;
	score->nll2 += nll * nll;
	return nll;
}

void score_finish(struct score *score)
{
	free(score->klds);
	*score = (struct score){0};
}

double score_add(struct score *score, const float *logits, uint32_t n_vocab, int32_t token)
{
	struct softmax softmax = softmax_of(logits, n_vocab);

	return add_nll(score, &softmax, logits[token]);
}

static float base_log_p(const struct base_row *base, uint32_t i)
{
	return base->scale * (float)base->codes[i] + base->minimum;
}

static double divergence(const float *logits, uint32_t n_vocab, float log_total,
			 const struct base_row *base, uint32_t *ret_base_top)
{
	float best = base_log_p(base, 0);
	double sum = 0;

	*ret_base_top = 0;
	for (uint32_t i = 0; i < n_vocab; i++) {
		float log_p = base_log_p(base, i);

		if (log_p > best) {
			best = log_p;
			*ret_base_top = i;
		}
		if (log_p > log_p_floor)
			sum += (double)(expf(log_p) * (log_p - logits[i] + log_total));
	}
	return sum;
}

int score_add_compared(struct score *score, const float *logits, uint32_t n_vocab, int32_t token,
		       const struct base_row *base)
{
	struct softmax softmax = softmax_of(logits, n_vocab);
	double base_nll = -(double)base_log_p(base, (uint32_t)token), kld;
	uint32_t base_top;
	int r = array_reserve(&score->klds, &score->capacity, score->n_klds + 1,
			      sizeof(*score->klds));

	if (r < 0)
		return r;
	(void)add_nll(score, &softmax, logits[token]);
	score->base_nll += base_nll;
	score->base_nll2 += base_nll * base_nll;
	kld = divergence(logits, n_vocab, softmax.max + softmax.log_sum, base, &base_top);
	score->kld += kld;
	score->kld2 += kld * kld;
	score->klds[score->n_klds++] = (float)kld;
	score->n_same_top += softmax.top == base_top;
	return 0;
}

struct base_row score_encode(const float *logits, uint32_t n_vocab, uint16_t *codes)
{
	struct softmax softmax = softmax_of(logits, n_vocab);
	float lowest = softmax.max, scale;

	for (uint32_t i = 0; i < n_vocab; i++)
		lowest = fminf(lowest, logits[i]);
	lowest = fmaxf(lowest, softmax.max + log_p_floor);
	scale = (softmax.max - lowest) / CODE_MAX;
	for (uint32_t i = 0; i < n_vocab; i++) {
		float code = scale > 0 ? (logits[i] - lowest) / scale : 0;

		codes[i] = logits[i] > lowest ? (uint16_t)fminf(rintf(code), CODE_MAX) : 0;
	}
	return (struct base_row){scale, lowest - softmax.max - softmax.log_sum, codes};
}

/* ---- results ---- */

static struct estimate mean_of(double sum, double sum2, size_t n)
{
	struct estimate estimate = {0};
	double variance;

	if (n == 0)
		return estimate;
	estimate.mean = sum / (double)n;
	variance = sum2 / (double)n - estimate.mean * estimate.mean;
	if (n > 1 && variance > 0)
		estimate.error = sqrt(variance / (double)(n - 1));
	return estimate;
}

/* The error of e^x is e^x times the error of x. */
static struct estimate exponential(struct estimate estimate)
{
	estimate.mean = exp(estimate.mean);
	estimate.error *= estimate.mean;
	return estimate;
}

struct estimate score_perplexity(const struct score *score)
{
	return exponential(mean_of(score->nll, score->nll2, score->n));
}

struct estimate score_base_perplexity(const struct score *score)
{
	return exponential(mean_of(score->base_nll, score->base_nll2, score->n));
}

struct estimate score_kld(const struct score *score)
{
	return mean_of(score->kld, score->kld2, score->n);
}

struct estimate score_same_top(const struct score *score)
{
	struct estimate estimate =
		mean_of((double)score->n_same_top, (double)score->n_same_top, score->n);

	return (struct estimate){100 * estimate.mean, 100 * estimate.error};
}

static int compare_floats(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

double score_kld_percentile(struct score *score, double fraction)
{
	double place = fraction * (double)(score->n_klds - 1);
	size_t below = (size_t)place;

	if (score->n_klds == 0)
		return 0;
	qsort(score->klds, score->n_klds, sizeof(*score->klds), compare_floats);
	place -= (double)below;
	return (1 - place) * (double)score->klds[below] +
	       place * (double)score->klds[MIN(below + 1, score->n_klds - 1)];
}
