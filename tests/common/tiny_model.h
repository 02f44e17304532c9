/* SPDX-License-Identifier: MIT */
/* Small models with random weights, written as GGUF: what tests run when no real model is at hand. */
#ifndef SLM_TESTS_TINY_MODEL_H
#define SLM_TESTS_TINY_MODEL_H

#include <stdbool.h>

#include "gguf_maker.h"

enum { TINY_TYPES = 16 }; /* that n_mixed may be at most */

struct tiny_model {
	const char *arch; /* any that archs.c knows */
	uint32_t n_layers, n_embd, n_head, n_head_kv, head_dim, n_ff, n_vocab, n_ctx;
	uint32_t window;	  /* 0: none */
	uint32_t rope_dims;	  /* 0: head_dim */
	const char *rope_scaling; /* NULL: none; by four, over a quarter of n_ctx */
	bool rope_factors;	  /* rope_freqs, of phi3 rope_factors_long and _short */
	uint32_t n_experts, n_experts_used;
	enum tensor_type type; /* of the matrices; n_embd, n_ff multiples of its block */
	uint32_t n_mixed;      /* so many types take turns instead; all widths multiples of 256 */
	float gain;	       /* of the layers' matrices; 0: 1 */
	bool tied;
	uint64_t seed;
};

/* A shape that works with every type: 2 layers of 256. */
extern const struct tiny_model tiny_model_default;

/* Fills MAKER with hyper-parameters, a byte-level vocabulary of 256 + a few tokens, and weights. */
void tiny_model_make(const struct tiny_model *tiny, struct gguf_maker *maker);

/* Random bytes of one row of N_VALUES of TYPE, with sane scales. STATE is the generator's. */
void random_row(uint64_t *state, enum tensor_type type, uint32_t n_values, float scale,
		uint8_t *row);

#endif
