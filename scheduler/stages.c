// SPDX-License-Identifier: MIT
/* Owns the places where a graph may be cut. Knows nothing of layers: it looks at what values live. */
#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"
#include "stages.h"

/* Ops by number + 1; 0: none. */
struct life {
	uint32_t made; /* by this op first */
	uint32_t read; /* by this op last */
};

static void note_read(struct life *lives, int32_t value, uint32_t op)
{
	if (value != NO_VALUE)
		lives[value].read = op + 1;
}

static void find_lives(const struct graph *graph, struct life *lives)
{
	for (uint32_t i = 0; i < graph->n_ops; i++) {
		const struct op *op = &graph->ops[i];

		note_read(lives, op->add, i);
		for (int k = 0; k < 3; k++)
			note_read(lives, op->in[k], i);
		for (int k = 0; k < OP_WEIGHTS_MAX; k++) {
			if (op->out[k] != NO_VALUE && lives[op->out[k]].made == 0)
				lives[op->out[k]].made = i + 1;
		}
	}
	lives[graph->result].read = graph->n_ops + 1;
}

/*
 * COUNTS[i], SUMS[i]: of the values that live before op i, how many and the sum of their numbers,
 * which is the number where there is one.
 */
static void count_alive(const struct graph *graph, const struct life *lives, int64_t *counts,
			int64_t *sums)
{
	for (uint32_t v = 0; v < graph->n_values; v++) {
		if (lives[v].made == 0 || lives[v].read <= lives[v].made)
			continue;
		counts[lives[v].made]++;
		sums[lives[v].made] += v;
		counts[lives[v].read]--;
		sums[lives[v].read] -= v;
	}
	for (uint32_t i = 1; i <= graph->n_ops; i++) {
		counts[i] += counts[i - 1];
		sums[i] += sums[i - 1];
	}
}

static void cut(struct stages *stages, const struct graph *graph, const int64_t *counts,
		const int64_t *sums)
{
	uint32_t n_cuts = 0, seen = 0, every;

	for (uint32_t i = 1; i < graph->n_ops; i++)
		n_cuts += counts[i] == 1;
	every = n_cuts / (PLAN_SEGMENTS_MAX - 1) + 1;
	stages->items[0] = (struct stage){.first_op = 0, .input = NO_VALUE};
	stages->n = 1;
	for (uint32_t i = 1; i < graph->n_ops; i++) {
		if (counts[i] != 1 || seen++ % every != 0)
			continue;
		stages->items[stages->n++] =
			(struct stage){.first_op = i, .input = (int32_t)sums[i]};
	}
	for (uint32_t i = 0; i < stages->n; i++) {
		uint32_t end = i + 1 < stages->n ? stages->items[i + 1].first_op : graph->n_ops;

		stages->items[i].n_ops = end - stages->items[i].first_op;
	}
}

/* LAST_STAGE: of each matrix by id, the last stage that read it, by number + 1. */
static void find_shared(struct stages *stages, const struct graph *graph, uint32_t *last_stage)
{
	for (uint32_t s = 0; s < stages->n && !stages->shared; s++) {
		const struct stage *stage = &stages->items[s];

		for (uint32_t i = stage->first_op; i < stage->first_op + stage->n_ops; i++) {
			for (uint32_t k = 0; k < graph->ops[i].n_weights; k++) {
				const struct matrix *matrix = graph->ops[i].weight[k];
				uint32_t *last = &last_stage[matrix->id];

				if (*last != 0 && *last != s + 1)
					stages->shared = matrix;
				*last = s + 1;
			}
		}
	}
}

static void add_weights(struct stages *stages, const struct graph *graph, uint32_t *last_stage)
{
	for (uint32_t s = 0; s < stages->n; s++) {
		struct stage *stage = &stages->items[s];

		for (uint32_t i = stage->first_op; i < stage->first_op + stage->n_ops; i++) {
			for (uint32_t k = 0; k < graph->ops[i].n_weights; k++) {
				const struct matrix *matrix = graph->ops[i].weight[k];

				if (matrix == stages->shared)
					stage->reads_shared = true;
				else if (last_stage[matrix->id] != s + 1)
					stage->weight_bytes += matrix_bytes(matrix);
				last_stage[matrix->id] = s + 1;
			}
		}
	}
}

int stages_init(struct stages *stages, const struct graph *graph)
{
	size_t n = graph->n_ops + 2;
	_cleanup_free_ struct life *lives = calloc(graph->n_values + 1, sizeof(*lives));
	_cleanup_free_ int64_t *counts = calloc(n, sizeof(*counts));
	_cleanup_free_ int64_t *sums = calloc(n, sizeof(*sums));
	_cleanup_free_ uint32_t *shared = calloc(graph->n_matrices + 1, sizeof(*shared));
	_cleanup_free_ uint32_t *counted = calloc(graph->n_matrices + 1, sizeof(*counted));

	if (!lives || !counts || !sums || !shared || !counted)
		return -ENOMEM;
	*stages = (struct stages){0};
	find_lives(graph, lives);
	count_alive(graph, lives, counts, sums);
	cut(stages, graph, counts, sums);
	find_shared(stages, graph, shared);
	add_weights(stages, graph, counted);
	return 0;
}

struct plan_segment stages_segment(const struct graph *graph, uint32_t device, uint32_t first,
				   uint32_t end, int32_t input)
{
	struct plan_segment segment = {
		.device = device,
		.first_op = first,
		.n_ops = end - first,
		.input = input,
	};
	int32_t first_layer = -1, last_layer = -1;

	for (uint32_t i = first; i < end; i++) {
		if (graph->ops[i].layer < 0)
			continue;
		if (first_layer < 0)
			first_layer = graph->ops[i].layer;
		last_layer = graph->ops[i].layer;
	}
	if (first_layer >= 0) {
		segment.first_layer = (uint32_t)first_layer;
		segment.n_layers = (uint32_t)(last_layer - first_layer + 1);
	}
	return segment;
}
