/* SPDX-License-Identifier: MIT */
/*
 * How well logits predict a text, and how far they are from those of another program. Pure; the
 * formulas, roundings included, are those of llama.cpp's llama-perplexity, so that figures compare.
 */
#ifndef SLM_PROGRAMS_SCORE_H
#define SLM_PROGRAMS_SCORE_H

#include <stddef.h>
#include <stdint.h>

/* A mean with its standard error. */
struct estimate {
	double mean;
	double error;
};

struct score {
	size_t n;
	double nll, nll2; /* sums of -log p of the token that came, and of its squares */
	double base_nll, base_nll2;
	double kld, kld2;
	size_t n_same_top;
	float *klds; /* [n_klds], of each position */
	size_t n_klds;
	size_t capacity;
};

/* Ready when zeroed. */
void score_finish(struct score *score);

/* LOGITS [n_vocab] before TOKEN; its -log p. */
double score_add(struct score *score, const float *logits, uint32_t n_vocab, int32_t token);

/* A row of the base file: log p = scale * codes[i] + minimum. */
struct base_row {
	float scale;
	float minimum;
	const uint16_t *codes; /* [n_vocab] */
};

/* As score_add(), and compares with BASE. 0 or -ENOMEM. */
int score_add_compared(struct score *score, const float *logits, uint32_t n_vocab, int32_t token,
		       const struct base_row *base);

/* LOGITS as a row of the base file; CODES [n_vocab] get its numbers. */
struct base_row score_encode(const float *logits, uint32_t n_vocab, uint16_t *codes);

struct estimate score_perplexity(const struct score *score);
struct estimate score_base_perplexity(const struct score *score);
struct estimate score_kld(const struct score *score);
struct estimate score_same_top(const struct score *score); /* in percent */
/* The divergence that FRACTION of the positions stay below; sorts score->klds. */
double score_kld_percentile(struct score *score, double fraction);

#endif
