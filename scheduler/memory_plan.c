// SPDX-License-Identifier: MIT
/* Owns the placement of values and the size of the cache. */
#include "array.h"
#include "memory_plan.h"

enum { VALUES_MAX_ALIVE = 64 };

struct placed {
	uint64_t offset;
	uint64_t size_bytes;
	int32_t value;
};

/* Values alive at the present op, sorted by offset. */
struct arena {
	struct placed placed[VALUES_MAX_ALIVE];
	uint32_t n;
	uint64_t size_bytes;
};

static uint64_t value_size(const struct graph *graph, int32_t value, uint64_t max_tokens,
			   uint64_t max_outputs)
{
	const struct value *v = &graph->values[value];
	uint64_t rows = v->rows == ROWS_TOKENS ? max_tokens : max_outputs;

	return round_up(rows * v->n_cols * sizeof(float), VALUE_ALIGNMENT);
}

static bool op_reads(const struct op *op, int32_t value)
{
	return op->in[0] == value || op->in[1] == value || op->in[2] == value || op->add == value;
}

static bool needed_after(const struct graph *graph, uint32_t op, int32_t value)
{
	if (value == graph->result)
		return true;
	for (uint32_t i = op + 1; i < graph->n_ops; i++) {
		if (op_reads(&graph->ops[i], value))
			return true;
	}
	return false;
}

static void arena_remove(struct arena *arena, int32_t value)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < arena->n; i++) {
		if (arena->placed[i].value != value)
			arena->placed[kept++] = arena->placed[i];
	}
	arena->n = kept;
}

/* First fit. */
static uint64_t arena_add(struct arena *arena, int32_t value, uint64_t size_bytes)
{
	uint64_t at = 0;
	uint32_t i = 0;

	while (i < arena->n && arena->placed[i].offset < at + size_bytes) {
		at = arena->placed[i].offset + arena->placed[i].size_bytes;
		i++;
	}
	for (uint32_t k = arena->n; k > i; k--)
		arena->placed[k] = arena->placed[k - 1];
	arena->placed[i] = (struct placed){at, size_bytes, value};
	arena->n++;
	arena->size_bytes = MAX(arena->size_bytes, at + size_bytes);
	return at;
}

/* The value whose place the op's first result may take, or NO_VALUE. */
static int32_t reusable(const struct graph *graph, uint32_t i)
{
	const struct op *op = &graph->ops[i];
	int32_t value = op->kind == OP_ROPE ? op->in[0] : op->add;

	if (value == NO_VALUE || needed_after(graph, i, value))
		return NO_VALUE;
	/* With a norm inside, the op reads whole rows of its input after writing parts. */
	if (op->kind != OP_ROPE && value == op->in[0])
		return NO_VALUE;
	return value;
}

/* What an op changes in place, or a twin of it wrote before, has its place. */
static bool is_placed(const struct arena *arena, int32_t value)
{
	for (uint32_t i = 0; i < arena->n; i++) {
		if (arena->placed[i].value == value)
			return true;
	}
	return false;
}

static void place_results(const struct graph *graph, uint32_t i, uint64_t max_tokens,
			  uint64_t max_outputs, struct arena *arena, uint64_t *offsets)
{
	const struct op *op = &graph->ops[i];
	int32_t old = reusable(graph, i);

	for (int k = 0; k < OP_WEIGHTS_MAX && op->out[k] != NO_VALUE; k++) {
		int32_t value = op->out[k];

		if (is_placed(arena, value))
			continue;
		if (k == 0 && old != NO_VALUE) {
			offsets[value] = offsets[old];
			for (uint32_t p = 0; p < arena->n; p++) {
				if (arena->placed[p].value == old)
					arena->placed[p].value = value;
			}
			continue;
		}
		offsets[value] =
			arena_add(arena, value, value_size(graph, value, max_tokens, max_outputs));
	}
}

static void release_inputs(const struct graph *graph, uint32_t i, struct arena *arena)
{
	const struct op *op = &graph->ops[i];
	int32_t read[] = {op->in[0], op->in[1], op->in[2], op->add};

	for (size_t k = 0; k < ARRAY_SIZE(read); k++) {
		if (read[k] != NO_VALUE && !needed_after(graph, i, read[k]))
			arena_remove(arena, read[k]);
	}
}

uint64_t memory_plan_values(const struct graph *graph, uint32_t max_tokens, uint32_t max_outputs,
			    uint64_t *ret_offsets)
{
	struct arena arena = {0};

	for (uint32_t i = 0; i < graph->n_ops; i++) {
		place_results(graph, i, max_tokens, max_outputs, &arena, ret_offsets);
		release_inputs(graph, i, &arena);
	}
	return arena.size_bytes;
}

uint32_t memory_plan_kv_pages(const struct graph *graph, uint32_t group,
			      const struct kv_params *params)
{
	uint64_t cells = params->n_ctx, window = graph->kv_groups[group].window;

	/* Two pages more, because a window may begin and end inside pages. */
	if (window > 0)
		cells = MIN(cells,
			    window + params->n_batch + params->rewind + 2 * params->page_cells);
	return (uint32_t)(div_up(cells, params->page_cells) * params->n_sequences);
}
