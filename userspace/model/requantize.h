/* SPDX-License-Identifier: MIT */
/*
 * A model file made from another, with its matrices stored in another type. All keys are kept;
 * general.file_type and general.quantization_version say what the new file is. Tensors of one
 * dimension, norms and the routers of experts stay as they are.
 */
#ifndef SLM_MODEL_REQUANTIZE_H
#define SLM_MODEL_REQUANTIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "gguf.h"
#include "log.h"
#include "packed.h"
#include "thread_pool.h"

/*
 * What most matrices become. As llama-quantize has it, the output matrix (the token embedding where it
 * is tied) gets Q6_K with Q4_0 and Q4_K; with Q4_K so do attn_v and ffn_down in every third layer
 * and in the first and last eighth.
 *
 * Where rows are no multiple of a type's block, Q4_K gives way to Q5_0 and Q6_K to Q8_0, and those
 * to F16.
 */
struct requantize_params {
	const struct gguf *gguf; /* used only during the call */
	enum tensor_type type;	 /* F16, Q4_0, Q8_0, Q4_K or Q6_K */
	const char *target;	 /* appears when it is whole, replacing what is there */
	struct thread_pool *pool;
	const struct progress *progress; /* NULL: none */
	const struct log *log;
};

/* Is TYPE one of those above? */
bool requantize_type_supported(enum tensor_type type);

/*
 * 0; -ENOTSUP where a tensor's type cannot be read or TYPE is none of the above; -ENOSPC and other
 * codes of writing; -ENOMEM. Logged; types that give way are a warning.
 */
int requantize(const struct requantize_params *params, uint64_t *ret_file_bytes);

#endif
