/* SPDX-License-Identifier: MIT */
/*
 * Chooses the next token from logits. The order of steps is llama.cpp's: bias, penalties, mask,
 * top-k, top-p, min-p, temperature, draw. A masked token is as one whose logit is -infinity: top-k
 * and the others count and weigh what is left. One sampler serves one answer; not for several
 * threads.
 */
#ifndef SLM_ENGINE_SAMPLER_H
#define SLM_ENGINE_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SAMPLER_BIASES_MAX = 1024 };

struct logit_bias {
	int32_t token;
	float bias; /* added; -100 and less bans the token */
};

struct sampler_params {
	float temperature;    /* 0: the most likely token, whatever else is set */
	uint32_t top_k;	      /* 0: all */
	float top_p;	      /* 1: all; the fewest tokens whose probability reaches it */
	float min_p;	      /* 0: all; at least this share of the most likely one's probability */
	float repeat_penalty; /* 1: none; logits of recent tokens are divided (or multiplied) */
	float frequency_penalty; /* taken off once for each time a token occurred recently */
	float presence_penalty;	 /* taken off if it occurred recently */
	uint32_t penalty_last_n; /* what recent means, in tokens of prompt and answer */
	uint64_t seed;
	const struct logit_bias *biases; /* [n_biases], copied */
	uint32_t n_biases;
};

/* What llama.cpp and OpenAI clients expect when nothing is said. */
extern const struct sampler_params sampler_defaults;

/* Which tokens may be picked; the same question has the same answer throughout a pick. */
struct sampler_mask {
	/* 1 or 0; -errno ends the pick. Asked only about tokens that could be picked. */
	int (*allows)(void *data, int32_t token);
	void *data;
	/* [n_tokens], each < n_vocab, where all are known: then nothing is asked. Else NULL. */
	const int32_t *tokens;
	uint32_t n_tokens;
};

struct sampler;

/* 0; -EINVAL for numbers that make no sense; -ENOMEM. Nothing is logged. */
int sampler_create(const struct sampler_params *params, uint32_t n_vocab,
		   struct sampler **ret_sampler);
void sampler_destroy(struct sampler *sampler);

/* Tells it of tokens of the prompt, oldest first; sampler_pick() tells it of its own. */
void sampler_accept(struct sampler *sampler, const int32_t *tokens, size_t n);

/* The next token. LOGITS [n_vocab] are left as they are. NaN counts as impossible. */
int32_t sampler_pick(struct sampler *sampler, const float *logits);

/* The same among what MASK leaves. -ENOENT when that is nothing; what allows() failed with. */
int32_t sampler_pick_masked(struct sampler *sampler, const float *logits,
			    const struct sampler_mask *mask);

#endif
