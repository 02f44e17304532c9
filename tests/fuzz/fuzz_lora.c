// SPDX-License-Identifier: MIT
/*
 * Any bytes as a LoRA adapter for a small fixed model: its checks, the joined matrices in both
 * forms, the graph and the memory plan. The same file twice stands for two adapters.
 */
#include <stdlib.h>

#include "graph.h"
#include "low_rank.h"
#include "memory_plan.h"
#include "tiny_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tiny_model tiny = {
	.arch = "llama",
	.n_layers = 1,
	.n_embd = 32,
	.n_head = 2,
	.n_head_kv = 1,
	.head_dim = 16,
	.n_ff = 32,
	.n_vocab = 258,
	.n_ctx = 64,
	.type = TENSOR_Q4_0,
};

/* Made once and never given back. */
static const struct model *base_model(void)
{
	static struct model *model;
	struct gguf_maker maker;
	struct gguf *gguf;
	uint8_t *file;
	size_t size;

	if (model)
		return model;
	tiny_model_make(&tiny, &maker);
	file = gguf_maker_file(&maker, &size);
	gguf_maker_finish(&maker);
	if (gguf_parse(file, size, "base", NULL, &gguf) < 0 || model_create(gguf, NULL, &model) < 0)
		abort();
	return model;
}

static void plan(const struct model *model, const struct low_rank_set *set)
{
	struct graph *graph;
	uint64_t *offsets;

	if (graph_build_adapted(model, GRAPH_LOGITS, set, NULL, &graph) < 0)
		return;
	offsets = calloc(graph->n_values, sizeof(*offsets));
	if (offsets)
		(void)memory_plan_values(graph, 16, 1, offsets);
	free(offsets);
	graph_destroy(graph);
}

static void join(const struct model *model, const struct adapter *adapter)
{
	const struct adapter *adapters[] = {adapter, adapter};
	struct low_rank_set *set;
	const void *data;
	uint64_t bytes;

	if (low_rank_set_create(model, adapters, 2, NULL, &set) < 0)
		return;
	for (uint32_t id = model->n_matrices; id < set->n_matrices; id++) {
		if (low_rank_data(set, id, LOW_RANK_ROWS, NULL, &data, &bytes) == 0)
			(void)low_rank_data(set, id, LOW_RANK_PACKED, NULL, &data, &bytes);
	}
	plan(model, set);
	low_rank_set_destroy(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct model *model = base_model();
	struct adapter *adapter;
	struct gguf *gguf;

	if (gguf_parse(data, size, "fuzz", NULL, &gguf) < 0)
		return 0;
	if (adapter_create(gguf, model, NULL, &adapter) == 0) {
		join(model, adapter);
		adapter_destroy(adapter);
	}
	gguf_close(gguf);
	return 0;
}
