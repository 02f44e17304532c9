// SPDX-License-Identifier: MIT
/*
 * Owns mixtures of experts. Pairs of a token and an expert that it uses are sorted by expert, so that
 * an expert's weights are read once for all its tokens, and those of unused ones not at all. Every
 * member sorts for itself: that costs less than a barrier.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "internal.h"

/* Up to a tile's width of pairs of one expert. */
struct expert_tile {
	uint32_t first_pair; /* index into plan->pairs */
	uint32_t n_pairs;
	uint32_t slot; /* of its first activations */
	uint32_t width;
};

/* An expert in use and its tiles. */
struct expert_group {
	uint32_t expert;
	uint32_t first_tile;
	uint32_t n_tiles;
};

enum {
	PADDING_MAX = 3, /* slots of a tile that hold no pair: widths are 1, 2, 4, 8, 12 */
	MIX_COLUMNS = 256,
};

uint64_t expert_slots_max(uint64_t n_pairs, uint32_t n_experts)
{
	return n_pairs + PADDING_MAX * MIN(n_pairs, n_experts);
}

int expert_plan_init(struct expert_plan *plan, uint64_t n_pairs, uint32_t n_experts)
{
	if (n_experts == 0)
		return 0;
	plan->pairs = calloc(n_pairs, sizeof(*plan->pairs));
	plan->starts = calloc((size_t)n_experts + 1, sizeof(*plan->starts));
	plan->tiles = calloc(n_pairs, sizeof(*plan->tiles));
	plan->groups = calloc(n_experts, sizeof(*plan->groups));
	return plan->pairs && plan->starts && plan->tiles && plan->groups ? 0 : -ENOMEM;
}

void expert_plan_finish(struct expert_plan *plan)
{
	free(plan->pairs);
	free(plan->starts);
	free(plan->tiles);
	free(plan->groups);
}

static uint32_t expert_of(const struct cpu_run *run, const struct op *op, uint32_t pair)
{
	return (uint32_t)cpu_row(run, op->in[1], pair / op->n_used)[pair % op->n_used];
}

/* starts[e] becomes where expert e's pairs begin, starts[n] their number. */
static void sort_pairs(const struct cpu_run *run, const struct op *op, struct expert_plan *plan)
{
	uint32_t n_pairs = cpu_n_rows(run, op) * op->n_used, at = 0;
	uint32_t n_experts = op->weight[0]->n_experts;

	memset(plan->starts, 0, (n_experts + 1) * sizeof(*plan->starts));
	for (uint32_t pair = 0; pair < n_pairs; pair++)
		plan->starts[expert_of(run, op, pair)]++;
	for (uint32_t e = 0; e <= n_experts; e++) {
		uint32_t n = plan->starts[e];

		plan->starts[e] = at;
		at += n;
	}
	for (uint32_t pair = 0; pair < n_pairs; pair++)
		plan->pairs[plan->starts[expert_of(run, op, pair)]++] = pair;
	/* Each start has moved to its end, which is the next one's start. */
	for (uint32_t e = n_experts; e > 0; e--)
		plan->starts[e] = plan->starts[e - 1];
	plan->starts[0] = 0;
}

static void add_tiles(const struct cpu_run *run, struct expert_plan *plan, uint32_t expert)
{
	uint32_t full = run->kernels->max_width;
	struct expert_group *group = &plan->groups[plan->n_groups++];

	*group = (struct expert_group){.expert = expert, .first_tile = plan->n_tiles};
	for (uint32_t at = plan->starts[expert]; at < plan->starts[expert + 1]; at += full) {
		uint32_t n = MIN(plan->starts[expert + 1] - at, full);
		uint32_t width = cpu_tile_width(run->kernels, n);

		plan->tiles[plan->n_tiles++] = (struct expert_tile){at, n, plan->n_slots, width};
		plan->n_slots += width;
		group->n_tiles++;
	}
}

static void make_plan(const struct cpu_run *run, const struct op *op, struct expert_plan *plan)
{
	plan->n_tiles = plan->n_groups = plan->n_slots = 0;
	sort_pairs(run, op, plan);
	for (uint32_t e = 0; e < op->weight[0]->n_experts; e++) {
		if (plan->starts[e] < plan->starts[e + 1])
			add_tiles(run, plan, e);
	}
}

/* What a pair's expert reads: the token's row, or the pair's own part of it. */
static const float *pair_input(const struct cpu_run *run, const struct op *op, uint32_t pair)
{
	const float *row = cpu_row(run, op->in[0], pair / op->n_used);

	return op->kind == OP_EXPERT_GLU ? row : row + pair % op->n_used * op->weight[0]->n_cols;
}

static struct activation_tile tile_activations(const struct cpu_run *run, const struct op *op,
					       const struct expert_tile *tile)
{
	return cpu_tile_at(&run->segment->shared, tile->slot, tile->width, op->weight[0]->n_cols);
}

static void prepare_pairs(const struct cpu_run *run, const struct op *op, unsigned index)
{
	struct cpu_member *member = &run->segment->members[index];
	const struct expert_plan *plan = &member->experts;
	size_t i, last;

	while (thread_pool_next(run->pool, index, plan->n_tiles, 1, &i, &last)) {
		const struct expert_tile *tile = &plan->tiles[i];
		struct activation_tile a = tile_activations(run, op, tile);

		for (uint32_t t = 0; t < tile->width; t++) {
			const float *x = NULL;

			if (t < tile->n_pairs)
				x = pair_input(run, op, plan->pairs[tile->first_pair + t]);
			cpu_prepare(run, op, member, x, &a, t);
		}
	}
	thread_pool_barrier(run->pool, index);
}

/* ---- products ---- */

/* Weight tiles FIRST to LAST of one expert meet one tile of activations. */
struct expert_work {
	const struct cpu_run *run;
	const struct op *op;
	const struct expert_plan *plan;
	const struct expert_tile *tile;
	const struct activation_tile *a;
	uint32_t expert;
	uint32_t first, last;
};

static void multiply(const struct expert_work *work, uint32_t weight, uint32_t i, float *out)
{
	const struct matrix *matrix = work->op->weight[weight];
	const struct cpu_kernels *kernels = work->run->kernels;
	uint64_t expert_bytes = packed_matrix_bytes(matrix->type, matrix->n_rows, matrix->n_cols);
	const uint8_t *data = host_buffer_data(work->run->segment->params.weights[matrix->id]);

	kernels->matmul[matrix->type].tile(data + work->expert * expert_bytes +
						   i * packed_tile_bytes(matrix->type,
									 matrix->n_cols),
					   matrix->n_cols, work->a, out);
}

/* Where row 16 I and on of pair W of the tile go. */
static struct tile_output output_of(const struct expert_work *work, uint32_t w, uint32_t i)
{
	uint32_t n_rows = work->op->weight[0]->n_rows, n_used = work->op->n_used;
	uint32_t pair = work->plan->pairs[work->tile->first_pair + w];
	struct tile_output out = {
		.to = cpu_row(work->run, work->op->out[0], pair / n_used) +
		      (size_t)(pair % n_used) * n_rows + i * PACKED_ROWS,
		.scale = 1,
		.n_rows = 1,
		.n = MIN(n_rows - i * PACKED_ROWS, PACKED_ROWS),
	};

	return out;
}

static void matmul_tiles(const struct expert_work *work)
{
	_Alignas(64) float sums[TILE_FLOATS];

	for (uint32_t i = work->first; i < work->last; i++) {
		multiply(work, 0, i, sums);
		for (uint32_t w = 0; w < work->tile->n_pairs; w++) {
			struct tile_output out = output_of(work, w, i);

			work->run->kernels->store(sums + w * PACKED_ROWS, &out);
		}
	}
}

/* The gates of a whole chunk first, then the ups, as for a dense block. */
static void glu_tiles(const struct expert_work *work)
{
	_Alignas(64) float gates[CPU_DECODE_CHUNK][TILE_FLOATS], up[TILE_FLOATS];

	for (uint32_t i = work->first; i < work->last; i++)
		multiply(work, 0, i, gates[i - work->first]);
	for (uint32_t i = work->first; i < work->last; i++) {
		multiply(work, 1, i, up);
		for (uint32_t w = 0; w < work->tile->n_pairs; w++) {
			struct tile_output out = output_of(work, w, i);

			work->run->kernels->glu(work->op->activation,
						gates[i - work->first] + w * PACKED_ROWS,
						up + w * PACKED_ROWS, &out);
		}
	}
}

/* Weight tiles FIRST to LAST of the group's expert, for all its pairs. OWN: what all pairs share. */
static void group_products(const struct cpu_run *run, const struct op *op,
			   const struct expert_plan *plan, const struct expert_group *group,
			   uint32_t first, uint32_t last, const struct activation_tile *own)
{
	for (uint32_t k = 0; k < group->n_tiles; k++) {
		const struct expert_tile *tile = &plan->tiles[group->first_tile + k];
		struct activation_tile a = own ? *own : tile_activations(run, op, tile);
		const struct expert_work work = {
			.run = run,
			.op = op,
			.plan = plan,
			.tile = tile,
			.a = &a,
			.expert = group->expert,
			.first = first,
			.last = last,
		};

		if (op->kind == OP_EXPERT_GLU)
			glu_tiles(&work);
		else
			matmul_tiles(&work);
	}
}

void cpu_experts(const struct cpu_run *run, const struct op *op, unsigned index)
{
	struct cpu_member *member = &run->segment->members[index];
	const struct expert_plan *plan = &member->experts;
	const struct activation_tile *own = NULL;
	size_t n_tiles = div_up(op->weight[0]->n_rows, PACKED_ROWS), n_items, first, last, chunk;
	uint32_t n_rows = cpu_n_rows(run, op);

	make_plan(run, op, &member->experts);
	if (n_rows == 1 && op->kind == OP_EXPERT_GLU) {
		member->own.width = 1;
		cpu_prepare(run, op, member, cpu_row(run, op->in[0], 0), &member->own, 0);
		own = &member->own;
	} else {
		prepare_pairs(run, op, index);
	}
	n_items = plan->n_groups * n_tiles;
	chunk = cpu_chunk_of(run, n_items, n_rows);
	while (thread_pool_next(run->pool, index, n_items, chunk, &first, &last)) {
		while (first < last) {
			size_t group = first / n_tiles, end = MIN(last, (group + 1) * n_tiles);

			group_products(run, op, plan, &plan->groups[group],
				       (uint32_t)(first - group * n_tiles),
				       (uint32_t)(end - group * n_tiles), own);
			first = end;
		}
	}
	thread_pool_barrier(run->pool, index);
}

/* ---- route and mix ---- */

/* The largest score after LAST, which is the expert chosen before (-1: none). */
static int32_t next_expert(const float *scores, int32_t n, int32_t last)
{
	int32_t best = -1;

	for (int32_t e = 0; e < n; e++) {
		bool is_left = last < 0 || scores[e] < scores[last] ||
			       (scores[e] == scores[last] && e > last);

		if (is_left && (best < 0 || scores[e] > scores[best]))
			best = e;
	}
	return MAX(best, 0);
}

static void route_row(const struct op *op, const float *scores, int32_t n, float *out)
{
	float *weights = out + op->n_used, sum = 0, largest = 0;
	int32_t expert = -1;

	for (uint32_t s = 0; s < op->n_used; s++) {
		expert = next_expert(scores, n, expert);
		largest = s == 0 ? scores[expert] : largest;
		out[s] = (float)expert;
		weights[s] = expf(scores[expert] - largest);
		sum += weights[s];
	}
	if (!op->sums_to_one) {
		sum = 0;
		for (int32_t e = 0; e < n; e++)
			sum += expf(scores[e] - largest);
	}
	for (uint32_t s = 0; s < op->n_used; s++)
		weights[s] /= sum;
}

void cpu_route(const struct cpu_run *run, const struct op *op, unsigned index)
{
	int32_t n = (int32_t)run->segment->params.graph->values[op->in[0]].n_cols;
	size_t t, last;

	while (thread_pool_next(run->pool, index, cpu_n_rows(run, op), 1, &t, &last))
		route_row(op, cpu_row(run, op->in[0], (uint32_t)t), n,
			  cpu_row(run, op->out[0], (uint32_t)t));
	thread_pool_barrier(run->pool, index);
}

static void mix_columns(const struct cpu_run *run, const struct op *op, uint32_t t, uint32_t first,
			uint32_t last)
{
	uint32_t n_cols = run->segment->params.graph->values[op->out[0]].n_cols;
	const float *parts = cpu_row(run, op->in[0], t);
	const float *weights = cpu_row(run, op->in[1], t) + op->n_used;
	const float *add = op->add == NO_VALUE ? NULL : cpu_row(run, op->add, t);
	float *out = cpu_row(run, op->out[0], t);

	for (uint32_t i = first; i < last; i++) {
		float sum = 0;

		for (uint32_t s = 0; s < op->n_used; s++)
			sum += weights[s] * parts[(size_t)s * n_cols + i];
		out[i] = sum * op->scale + (add ? add[i] : 0);
	}
}

void cpu_mix(const struct cpu_run *run, const struct op *op, unsigned index)
{
	uint32_t n_cols = run->segment->params.graph->values[op->out[0]].n_cols;
	size_t per_row = div_up(n_cols, MIX_COLUMNS), item, last;

	while (thread_pool_next(run->pool, index, cpu_n_rows(run, op) * per_row, 1, &item, &last)) {
		uint32_t first = (uint32_t)(item % per_row) * MIX_COLUMNS;

		mix_columns(run, op, (uint32_t)(item / per_row), first,
			    MIN(first + MIX_COLUMNS, n_cols));
	}
	thread_pool_barrier(run->pool, index);
}
