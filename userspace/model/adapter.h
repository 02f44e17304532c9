/* SPDX-License-Identifier: MIT */
/*
 * A LoRA adapter (arXiv 2106.09685): for some matrices W of a model a pair A, B whose product is
 * added, W + scale * factor * B A. Read from a GGUF file as the llama.cpp project's converter writes
 * it: general.type "adapter", adapter.type "lora", adapter.lora.alpha, and for the model's tensor
 * NAME the tensors NAME.lora_a (rank rows of W's columns) and NAME.lora_b (W's rows of rank columns).
 * Refuses what was made for another model, and adapters of embeddings, experts and vectors.
 */
#ifndef SLM_MODEL_ADAPTER_H
#define SLM_MODEL_ADAPTER_H

#include "model.h"

enum {
	ADAPTERS_MAX = 16, /* of one engine */
	ADAPTER_RANK_MAX = 1024,
};

struct adapter_pair {
	const struct gguf_tensor *base; /* the model's */
	const struct gguf_tensor *a, *b;
	uint32_t rank;
	float factor; /* alpha / rank; 1 where alpha is 0 */
};

struct adapter {
	const struct gguf *gguf;
	struct adapter_pair *pairs; /* [n_pairs], one per tensor of the model at most */
	uint32_t n_pairs;
};

/* Is GGUF an adapter, of whatever kind, by its own word? */
bool gguf_is_adapter(const struct gguf *gguf);

/*
 * Reads what GGUF adds to MODEL; both outlive the result. The values are not looked at. 0; -EBADMSG
 * where it is no adapter, damaged, or does not fit the model; -ENOTSUP for what is not known here;
 * -ENOMEM. Logged with the tensor's name and what was wanted.
 */
int adapter_create(const struct gguf *gguf, const struct model *model, const struct log *log,
		   struct adapter **ret_adapter);
void adapter_destroy(struct adapter *adapter);

/* What it adds to BASE, or NULL. */
const struct adapter_pair *adapter_find(const struct adapter *adapter,
					const struct gguf_tensor *base);

#endif
