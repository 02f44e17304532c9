// SPDX-License-Identifier: MIT
/*
 * Owns matmul and glu: activations are normed and quantised once, then tiles of weight rows are dealt
 * to the members. A step of one token prepares its row in every member: that costs less than the
 * barrier it saves.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "internal.h"

/* ---- activations ---- */

static uint32_t blocks_of(uint32_t n_cols)
{
	return (uint32_t)div_up(n_cols, 64) * 2;
}

int activation_tile_init(struct activation_tile *tile, const struct activation_size *size)
{
	uint32_t needs = size->needs;
	uint64_t n = div_up(size->code_values, 32);

	if (needs & NEED_FLOATS)
		tile->x = calloc(size->float_values, sizeof(*tile->x));
	if (needs & NEED_CODES) {
		tile->codes = calloc(n, 32);
		tile->d = calloc(n, sizeof(*tile->d));
	}
	if (needs & NEED_SUM)
		tile->s = calloc(n, sizeof(*tile->s));
	if (needs & NEED_INIT_8)
		tile->init_8 = calloc(n, sizeof(*tile->init_8));
	if (needs & NEED_INIT_16)
		tile->init_16 = calloc(n, sizeof(*tile->init_16));
	if (needs & NEED_INIT_128)
		tile->init_128 = calloc(n, sizeof(*tile->init_128));
	if (needs & NEED_INIT_32)
		tile->init_32 = calloc(2 * n, sizeof(*tile->init_32));
	if (needs & NEED_HALVES)
		tile->halves = calloc(n, sizeof(*tile->halves));
	if (((needs & NEED_FLOATS) && !tile->x) ||
	    ((needs & NEED_CODES) && (!tile->codes || !tile->d)) ||
	    ((needs & NEED_SUM) && !tile->s) || ((needs & NEED_INIT_8) && !tile->init_8) ||
	    ((needs & NEED_INIT_16) && !tile->init_16) ||
	    ((needs & NEED_INIT_128) && !tile->init_128) ||
	    ((needs & NEED_INIT_32) && !tile->init_32) || ((needs & NEED_HALVES) && !tile->halves))
		return -ENOMEM;
	return 0;
}

void activation_size_add(struct activation_size *size, uint32_t needs, uint64_t n_slots,
			 uint32_t n_cols)
{
	size->needs |= needs;
	if (needs & NEED_FLOATS)
		size->float_values = MAX(size->float_values, n_slots * n_cols);
	if (needs & NEED_CODES)
		size->code_values = MAX(size->code_values, n_slots * round_up(n_cols, 256));
}

void activation_tile_finish(struct activation_tile *tile)
{
	free(tile->codes);
	free(tile->d);
	free(tile->s);
	free(tile->init_8);
	free(tile->init_16);
	free(tile->init_128);
	free(tile->init_32);
	free(tile->halves);
	free(tile->x);
	*tile = (struct activation_tile){0};
}

uint32_t cpu_tile_width(const struct cpu_kernels *kernels, uint32_t n)
{
	static const uint32_t widths[] = {1, 2, 4, 8};

	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		if (n <= widths[i])
			return MIN(widths[i], kernels->max_width);
	}
	return kernels->max_width;
}

struct activation_tile cpu_tile_at(const struct activation_tile *all, uint32_t slot, uint32_t width,
				   uint32_t n_cols)
{
	size_t at = (size_t)slot * blocks_of(n_cols);
	struct activation_tile tile = {
		.width = width,
		.codes = all->codes ? all->codes + 32 * at : NULL,
		.d = all->d ? all->d + at : NULL,
		.s = all->s ? all->s + at : NULL,
		.init_8 = all->init_8 ? all->init_8 + at : NULL,
		.init_16 = all->init_16 ? all->init_16 + at : NULL,
		.init_128 = all->init_128 ? all->init_128 + at : NULL,
		.init_32 = all->init_32 ? all->init_32 + 2 * at : NULL,
		.halves = all->halves ? all->halves + at : NULL,
		.x = all->x ? all->x + (size_t)slot * n_cols : NULL,
	};

	return tile;
}

uint32_t cpu_needs_of(const struct cpu_kernels *kernels, const struct op *op)
{
	uint32_t needs = 0;

	for (uint32_t i = 0; i < op->n_weights; i++)
		needs |= kernels->matmul[op->weight[i]->type].needs;
	return needs;
}

void cpu_prepare(const struct cpu_run *run, const struct op *op, struct cpu_member *member,
		 const float *x, const struct activation_tile *tile, uint32_t t)
{
	uint32_t n_cols = op->weight[0]->n_cols, needs = cpu_needs_of(run->kernels, op);

	if (!x) {
		memset(member->row, 0, n_cols * sizeof(float));
		x = member->row;
	} else if (op->norm.n > 0) {
		run->kernels->norm(x, op->norm.data, n_cols, op->eps, NULL, member->row);
		x = member->row;
	}
	if (needs & NEED_CODES)
		run->kernels->quantize(x, n_cols, needs, t, tile);
	for (uint32_t c = 0; (needs & NEED_FLOATS) && c < n_cols; c++)
		tile->x[(size_t)c * tile->width + t] = x[c];
}

/* Row ROW of the op's input into slot T of a tile; rows past the last are zeros. */
static void prepare_row(const struct cpu_run *run, const struct op *op, struct cpu_member *member,
			uint32_t row, const struct activation_tile *tile, uint32_t t)
{
	const float *x = row < cpu_n_rows(run, op) ? cpu_row(run, op->in[0], row) : NULL;

	cpu_prepare(run, op, member, x, tile, t);
}

/* All rows, tile by tile, into the shared tiles. */
static void prepare_rows(const struct cpu_run *run, const struct op *op, unsigned index)
{
	uint32_t n_rows = cpu_n_rows(run, op), full = run->kernels->max_width;
	uint32_t rest = n_rows % full;
	size_t n_slots = n_rows - rest + (rest > 0 ? cpu_tile_width(run->kernels, rest) : 0), first,
	       last;

	while (thread_pool_next(run->pool, index, n_slots, 2, &first, &last)) {
		for (uint32_t slot = (uint32_t)first; slot < last; slot++) {
			uint32_t begin = slot / full * full;
			struct activation_tile tile =
				cpu_tile_at(&run->segment->shared, begin,
					    cpu_tile_width(run->kernels, MIN(n_rows - begin, full)),
					    op->weight[0]->n_cols);

			prepare_row(run, op, &run->segment->members[index], slot, &tile,
				    slot - begin);
		}
	}
	thread_pool_barrier(run->pool, index);
}

/* ---- products ---- */

/* One tile of rows of one weight: which they are and where they go. */
struct weight_tile {
	uint32_t weight; /* index in the op */
	uint32_t row;	 /* its first */
	uint32_t n_rows; /* 1 to 16 */
};

static struct weight_tile weight_tile_at(const struct op *op, size_t item)
{
	struct weight_tile tile = {0};
	size_t n = div_up(op->weight[0]->n_rows, PACKED_ROWS);

	while (item >= n) {
		item -= n;
		tile.weight++;
		n = div_up(op->weight[tile.weight]->n_rows, PACKED_ROWS);
	}
	tile.row = (uint32_t)item * PACKED_ROWS;
	tile.n_rows = MIN(op->weight[tile.weight]->n_rows - tile.row, PACKED_ROWS);
	return tile;
}

static size_t count_weight_tiles(const struct op *op)
{
	size_t n = 0;

	/* The two matrices of a glu go side by side. */
	for (uint32_t i = 0; i < (op->kind == OP_GLU ? 1 : op->n_weights); i++)
		n += div_up(op->weight[i]->n_rows, PACKED_ROWS);
	return n;
}

static void multiply(const struct cpu_run *run, const struct op *op, uint32_t weight, uint32_t row,
		     const struct activation_tile *a, float *out)
{
	const struct matrix *matrix = op->weight[weight];
	const uint8_t *data = host_buffer_data(run->segment->params.weights[matrix->id]);
	uint64_t tile_bytes = packed_tile_bytes(matrix->type, matrix->n_cols);

	run->kernels->matmul[matrix->type].tile(data + row / PACKED_ROWS * tile_bytes,
						matrix->n_cols, a, out);
}

/* Where rows of value VALUE from FIRST_ROW on, columns from COLUMN on, are. */
static struct tile_output output_at(const struct cpu_run *run, const struct op *op, int32_t value,
				    uint32_t first_row, uint32_t column)
{
	struct tile_output out = {
		.to = cpu_row(run, value, first_row) + column,
		.add = op->add == NO_VALUE ? NULL : cpu_row(run, op->add, first_row) + column,
		.stride = run->segment->params.graph->values[value].n_cols,
	};

	return out;
}

static void matmul_tile(const struct cpu_run *run, const struct op *op,
			const struct weight_tile *tile, const struct activation_tile *a,
			uint32_t first_row, uint32_t n_rows)
{
	struct tile_output out = output_at(run, op, op->out[tile->weight], first_row, tile->row);
	const struct vector *bias = &op->bias[tile->weight];
	_Alignas(64) float sums[TILE_FLOATS];

	multiply(run, op, tile->weight, tile->row, a, sums);
	out.bias = bias->n > 0 ? bias->data + tile->row : NULL;
	out.scale = op->scale;
	out.n = tile->n_rows;
	out.n_rows = n_rows;
	run->kernels->store(sums, &out);
}

/*
 * The gates of a whole chunk first, then the ups: each matrix is read as one long stream, which the
 * prefetchers of the memory need.
 */
static void glu_tiles(const struct cpu_run *run, const struct op *op, size_t first, size_t last,
		      const struct activation_tile *a, uint32_t first_row, uint32_t n_rows)
{
	_Alignas(64) float gates[CPU_DECODE_CHUNK][TILE_FLOATS], up[TILE_FLOATS];

	for (size_t item = first; item < last; item++)
		multiply(run, op, 0, (uint32_t)item * PACKED_ROWS, a, gates[item - first]);
	for (size_t item = first; item < last; item++) {
		uint32_t row = (uint32_t)item * PACKED_ROWS;
		struct tile_output out = output_at(run, op, op->out[0], first_row, row);

		multiply(run, op, 1, row, a, up);
		out.n = MIN(op->weight[0]->n_rows - row, PACKED_ROWS);
		out.n_rows = n_rows;
		run->kernels->glu(op->activation, gates[item - first], up, &out);
	}
}

static void product_tiles(const struct cpu_run *run, const struct op *op, size_t first, size_t last,
			  const struct activation_tile *a, uint32_t first_row, uint32_t n_rows)
{
	if (op->kind == OP_GLU) {
		glu_tiles(run, op, first, last, a, first_row, n_rows);
		return;
	}
	for (size_t item = first; item < last; item++) {
		struct weight_tile tile = weight_tile_at(op, item);

		matmul_tile(run, op, &tile, a, first_row, n_rows);
	}
}

static void products_of_many(const struct cpu_run *run, const struct op *op, size_t first,
			     size_t last)
{
	uint32_t n_rows = cpu_n_rows(run, op), full = run->kernels->max_width;

	for (uint32_t row = 0; row < n_rows; row += full) {
		uint32_t n = MIN(n_rows - row, full);
		struct activation_tile a = cpu_tile_at(&run->segment->shared, row,
						       cpu_tile_width(run->kernels, n),
						       op->weight[0]->n_cols);

		product_tiles(run, op, first, last, &a, row, n);
	}
}

size_t cpu_chunk_of(const struct cpu_run *run, size_t n_items, uint32_t n_rows)
{
	size_t fair = n_items / (thread_pool_size(run->pool) * CPU_CHUNKS_PER_MEMBER);

	return MAX(MIN(fair, n_rows > 1 ? CPU_PREFILL_CHUNK : CPU_DECODE_CHUNK), 1);
}

void cpu_matmul(const struct cpu_run *run, const struct op *op, unsigned index)
{
	struct cpu_member *member = &run->segment->members[index];
	size_t n_items = count_weight_tiles(op), first, last, chunk;
	uint32_t n_rows = cpu_n_rows(run, op);

	if (n_rows == 1) {
		member->own.width = 1;
		prepare_row(run, op, member, 0, &member->own, 0);
	} else {
		prepare_rows(run, op, index);
	}
	chunk = cpu_chunk_of(run, n_items, n_rows);
	while (thread_pool_next(run->pool, index, n_items, chunk, &first, &last)) {
		if (n_rows > 1)
			products_of_many(run, op, first, last);
		else
			product_tiles(run, op, first, last, &member->own, 0, 1);
	}
	thread_pool_barrier(run->pool, index);
}
