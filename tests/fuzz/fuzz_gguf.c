// SPDX-License-Identifier: MIT
/*
 * Any bytes as a model file: header, typed reads, vocabulary, hyper-parameters, graph, memory plan.
 * What gets through is what the engine would load.
 */
#include <stdlib.h>

#include "gguf.h"
#include "graph.h"
#include "memory_plan.h"
#include "model.h"
#include "vocabulary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_values(const struct gguf *gguf)
{
	for (size_t i = 0; i < gguf_n_values(gguf); i++) {
		const struct gguf_value *value = gguf_value(gguf, i);
		struct cursor strings = gguf_strings(value);

		if (value->item_type != GGUF_STRING && value->item_type != GGUF_ARRAY &&
		    value->n_items > 0)
			(void)gguf_number(value, value->n_items - 1);
		for (uint64_t k = 0; value->type == GGUF_ARRAY && value->item_type == GGUF_STRING &&
				     k < value->n_items;
		     k++)
			(void)gguf_next_string(&strings);
	}
}

static void plan(const struct model *model)
{
	struct graph *graph;
	uint64_t *offsets;

	if (graph_build(model, GRAPH_LOGITS, NULL, &graph) < 0)
		return;
	offsets = calloc(graph->n_values, sizeof(*offsets));
	if (offsets)
		(void)memory_plan_values(graph, 16, 1, offsets);
	free(offsets);
	graph_destroy(graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vocabulary *vocabulary;
	struct model *model;
	struct gguf *gguf;

	if (gguf_parse(data, size, "fuzz", NULL, &gguf) < 0)
		return 0;
	read_values(gguf);
	if (vocabulary_create(gguf, NULL, &vocabulary) == 0)
		vocabulary_destroy(vocabulary);
	if (model_create(gguf, NULL, &model) == 0) {
		plan(model);
		model_destroy(model);
	}
	gguf_close(gguf);
	return 0;
}
