/* SPDX-License-Identifier: MIT */
/* Random LoRA adapters for a model, and the model with adapters merged into its weights. */
#ifndef SLM_TESTS_TINY_ADAPTER_H
#define SLM_TESTS_TINY_ADAPTER_H

#include "gguf_maker.h"

struct tiny_adapter {
	uint32_t rank;
	float alpha;	       /* 0: the file's factor is 1 */
	enum tensor_type type; /* F32 or F16 */
	const char *only; /* a part of the names of the tensors adapted; NULL: all that can be */
	uint64_t seed;
};

/* Every matrix of MODEL that can be adapted gets a pair of sizable effect. */
void tiny_adapter_make(const struct tiny_adapter *tiny, const struct gguf *model,
		       struct gguf_maker *maker);

/* MODEL in F32 with SCALES [N] times the ADAPTERS [N] added. */
void tiny_adapter_merge(const struct gguf *model, const struct gguf *const *adapters,
			const float *scales, size_t n, struct gguf_maker *maker);

#endif
