/* SPDX-License-Identifier: MIT */
/* The graph of a tiny model with all that it needs to live. */
#ifndef SLM_TESTS_BUILT_GRAPH_H
#define SLM_TESTS_BUILT_GRAPH_H

#include "check.h"
#include "graph.h"
#include "tiny_model.h"

struct built {
	struct gguf_maker maker;
	uint8_t *file;
	struct gguf *gguf;
	struct model *model;
	struct graph *graph;
};

static inline void build_for(struct built *b, const struct tiny_model *tiny,
			     enum graph_result result)
{
	size_t bytes;

	tiny_model_make(tiny, &b->maker);
	b->file = gguf_maker_file(&b->maker, &bytes);
	assert_int_equal(gguf_parse(b->file, bytes, "tiny", NULL, &b->gguf), 0);
	assert_int_equal(model_create(b->gguf, NULL, &b->model), 0);
	assert_int_equal(graph_build(b->model, result, NULL, &b->graph), 0);
}

static inline void build(struct built *b, const struct tiny_model *tiny)
{
	build_for(b, tiny, GRAPH_LOGITS);
}

static inline void unbuild(struct built *b)
{
	graph_destroy(b->graph);
	model_destroy(b->model);
	gguf_close(b->gguf);
	free(b->file);
	gguf_maker_finish(&b->maker);
}

#endif
