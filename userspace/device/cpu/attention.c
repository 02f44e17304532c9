// SPDX-License-Identifier: MIT
/*
 * Owns rope and attention. Attention is dealt by tiles: query rows that share a key head, a few
 * tokens of one sequence times the heads of the group. When a step has too few tiles for its team (a
 * single token in a long context), each tile's pages are cut into parts that are joined afterwards.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "internal.h"

/* ---- rope ---- */

static void turn_head(const struct cpu_run *run, const struct op *op, const float *x,
		      const struct vector *norm, uint32_t t, float *out)
{
	const struct rope *rope = &run->segment->params.graph->model->ropes[op->rope];
	const float *table = run->step->rope[op->rope] + (size_t)t * rope->n_dims;

	if (norm->n > 0) {
		run->kernels->norm(x, norm->data, op->head_dim, op->eps, NULL, out);
		x = out;
	}
	run->kernels->rotate(rope->style, x, table, rope->n_dims, out);
	if (x != out)
		memcpy(out + rope->n_dims, x + rope->n_dims,
		       (op->head_dim - rope->n_dims) * sizeof(float));
}

/* The page of a position, at key head HEAD. */
static struct kv_page page_of(const struct cpu_run *run, const struct op *op, uint32_t row_run,
			      uint32_t page_index, uint32_t head)
{
	const struct segment_params *params = &run->segment->params;
	const struct step *step = run->step;
	uint32_t page = step->pages[op->kv_group][row_run * step->page_stride + page_index];
	uint64_t head_bytes = kv_head_bytes(params->kv_type, op->head_dim);
	const uint8_t *data = host_buffer_data(params->kv[op->layer]) +
			      page * kv_page_bytes(params->kv_type, op->n_head_kv, op->head_dim);

	return (struct kv_page){
		.keys = data + head * head_bytes,
		.values = data + (op->n_head_kv + head) * head_bytes,
	};
}

/* One key head of one token, and the query heads that share it. */
static void rope_head(const struct cpu_run *run, const struct op *op, uint32_t t, uint32_t head,
		      float *scratch)
{
	enum kv_type type = run->segment->params.kv_type;
	uint32_t position = run->step->positions[t], group = op->n_head / op->n_head_kv;
	struct kv_page page = page_of(run, op, run->step->row_runs[t], position / KV_PAGE, head);
	uint32_t dim = op->head_dim;

	for (uint32_t h = head * group; h < (head + 1) * group; h++)
		turn_head(run, op, cpu_row(run, op->in[0], t) + h * dim, &op->q_norm, t,
			  cpu_row(run, op->out[0], t) + h * dim);
	turn_head(run, op, cpu_row(run, op->in[1], t) + head * dim, &op->k_norm, t, scratch);
	run->kernels->store_key(type, scratch, dim, position % KV_PAGE, (uint8_t *)page.keys);
	run->kernels->store_value(type, cpu_row(run, op->in[2], t) + head * dim, dim,
				  position % KV_PAGE, (uint8_t *)page.values);
}

void cpu_rope(const struct cpu_run *run, const struct op *op, unsigned index)
{
	size_t n_items = (size_t)run->step->n_tokens * op->n_head_kv, first, last;
	size_t chunk = MAX(MIN(n_items / (8 * thread_pool_size(run->pool)), 16u), 1u);
	float *scratch = run->segment->members[index].head;

	while (thread_pool_next(run->pool, index, n_items, chunk, &first, &last)) {
		for (size_t i = first; i < last; i++)
			rope_head(run, op, (uint32_t)(i / op->n_head_kv),
				  (uint32_t)(i % op->n_head_kv), scratch);
	}
	thread_pool_barrier(run->pool, index);
}

/* ---- attention ---- */

/* How a step's attention is cut. A tile is TOKENS rows times HEADS query heads of one key head. */
struct attention_cut {
	uint32_t tokens;
	uint32_t heads;	     /* query heads per tile */
	uint32_t head_tiles; /* tiles over all heads */
	uint32_t n_tiles;
	uint32_t n_splits; /* parts of each tile's pages */
};

struct attention_item {
	const struct step_run *run;
	uint32_t run_index;
	uint32_t first_row;
	uint32_t n_rows;
	uint32_t first_head;
	uint32_t n_heads;
	uint32_t kv_head;
};

static uint32_t pages_in_use(const struct step_run *run)
{
	return (run->first_position + run->n_rows - 1) / KV_PAGE + 1;
}

static struct attention_cut cut_attention(const struct cpu_run *run, const struct op *op)
{
	uint32_t group = op->n_head / op->n_head_kv, width = run->kernels->max_width, pages = 0;
	uint32_t wanted = thread_pool_size(run->pool) * CPU_SPLITS;
	struct attention_cut cut = {.n_splits = 1};

	cut.heads = MIN(group, width);
	cut.tokens = MAX(width / cut.heads, 1);
	cut.head_tiles = op->n_head_kv * (uint32_t)div_up(group, cut.heads);
	for (uint32_t i = 0; i < run->step->n_runs; i++) {
		cut.n_tiles +=
			(uint32_t)div_up(run->step->runs[i].n_rows, cut.tokens) * cut.head_tiles;
		pages = MAX(pages, pages_in_use(&run->step->runs[i]));
	}
	if (cut.n_tiles * 2 <= wanted)
		cut.n_splits = MAX(MIN(wanted / cut.n_tiles, pages / 2), 1);
	return cut;
}

static struct attention_item item_at(const struct cpu_run *run, const struct op *op,
				     const struct attention_cut *cut, uint32_t tile)
{
	uint32_t group = op->n_head / op->n_head_kv, r = 0, n;
	uint32_t tiles_per_kv = (uint32_t)div_up(group, cut->heads);
	struct attention_item item = {0};

	for (;; r++) {
		n = (uint32_t)div_up(run->step->runs[r].n_rows, cut->tokens) * cut->head_tiles;
		if (tile < n)
			break;
		tile -= n;
	}
	item.run = &run->step->runs[r];
	item.run_index = r;
	/* Heads vary slowest, so that neighbours share keys in the cache. */
	n /= cut->head_tiles;
	item.kv_head = tile / n / tiles_per_kv;
	item.first_head = item.kv_head * group + tile / n % tiles_per_kv * cut->heads;
	item.n_heads = MIN(cut->heads, (item.kv_head + 1) * group - item.first_head);
	item.first_row = item.run->first_row + tile % n * cut->tokens;
	item.n_rows = MIN(cut->tokens, item.run->first_row + item.run->n_rows - item.first_row);
	return item;
}

/* The output (or query) of tile row W: token-major, then head. */
static float *item_row(const struct cpu_run *run, const struct op *op, int32_t value,
		       const struct attention_item *item, uint32_t w)
{
	return cpu_row(run, value, item->first_row + w / item->n_heads) +
	       (item->first_head + w % item->n_heads) * op->head_dim;
}

static uint32_t width_of(const struct cpu_kernels *kernels, uint32_t n)
{
	uint32_t width = 1;

	while (width < n)
		width *= 2;
	return MIN(width, kernels->max_width);
}

static void load_queries(const struct cpu_run *run, const struct op *op,
			 const struct attention_item *item, struct cpu_member *member)
{
	struct attention_tile *tile = &member->attention;
	uint32_t n = item->n_rows * item->n_heads;

	tile->width = width_of(run->kernels, n);
	tile->head_dim = op->head_dim;
	tile->kv_type = run->segment->params.kv_type;
	for (uint32_t w = 0; w < tile->width; w++) {
		tile->max[w] = -3e38f;
		tile->sum[w] = 0;
	}
	for (uint32_t w = 0; w < n; w++) {
		const float *q = item_row(run, op, op->in[0], item, w);

		for (uint32_t d = 0; d < op->head_dim; d++)
			member->q[d * tile->width + w] = q[d] * op->scale;
	}
	memset(tile->acc, 0, (size_t)tile->width * op->head_dim * sizeof(float));
}

/* The end of what the item's row ROW, of those of the step, sees. */
static uint32_t end_of_sight(const struct cpu_run *run, const struct op *op,
			     const struct attention_item *item, uint32_t row)
{
	if (op->sees_all)
		return item->run->first_position + item->run->n_rows;
	return run->step->positions[row] + 1;
}

/* Which positions of a page each tile row sees. */
static void page_limits(const struct cpu_run *run, const struct op *op,
			const struct attention_item *item, uint32_t page, uint32_t width,
			int32_t first[TILE_WIDTH_MAX], int32_t last[TILE_WIDTH_MAX])
{
	int32_t begin = (int32_t)(page * KV_PAGE), window = (int32_t)op->window;
	uint32_t n = item->n_rows * item->n_heads;

	for (uint32_t w = 0; w < width; w++)
		first[w] = last[w] = 0;
	for (uint32_t row = 0, w = 0; w < n; row++) {
		int32_t position = (int32_t)run->step->positions[item->first_row + row];
		int32_t from = window > 0 ? position - window + 1 - begin : 0;
		int32_t to = (int32_t)end_of_sight(run, op, item, item->first_row + row) - begin;

		for (uint32_t h = 0; h < item->n_heads; h++, w++) {
			first[w] = MAX(from, 0);
			last[w] = MIN(to, KV_PAGE);
		}
	}
}

/* The part SPLIT of N_SPLITS of the pages that the item's rows see. */
static void attend_pages(const struct cpu_run *run, const struct op *op,
			 const struct attention_item *item, struct attention_tile *tile,
			 uint32_t split, uint32_t n_splits)
{
	uint32_t first_position = run->step->positions[item->first_row];
	uint32_t end = end_of_sight(run, op, item, item->first_row + item->n_rows - 1);
	uint32_t from = op->window > 0 && first_position >= op->window
				? (first_position - op->window + 1) / KV_PAGE
				: 0;
	uint32_t n = (uint32_t)div_up(end, KV_PAGE) - from;

	for (uint32_t p = from + n * split / n_splits; p < from + n * (split + 1) / n_splits; p++) {
		struct kv_page page = page_of(run, op, item->run_index, p, item->kv_head);
		int32_t first[TILE_WIDTH_MAX], last[TILE_WIDTH_MAX];

		page_limits(run, op, item, p, tile->width, first, last);
		run->kernels->attend(tile, &page, first, last);
	}
}

static void write_rows(const struct cpu_run *run, const struct op *op,
		       const struct attention_item *item, const float *sums, const float *acc)
{
	for (uint32_t w = 0; w < item->n_rows * item->n_heads; w++) {
		float *out = item_row(run, op, op->out[0], item, w);
		float scale = 1 / sums[w];

		for (uint32_t d = 0; d < op->head_dim; d++)
			out[d] = acc[(size_t)w * op->head_dim + d] * scale;
	}
}

/* Partial results lie as max, sum [TILE_WIDTH_MAX] and acc [TILE_WIDTH_MAX][head_dim]. */
static float *partial_at(const struct cpu_run *run, const struct op *op, uint32_t i)
{
	return run->segment->partials + (size_t)i * TILE_WIDTH_MAX * (op->head_dim + 2);
}

static void keep_partial(const struct op *op, const struct attention_tile *tile, float *partial)
{
	memcpy(partial, tile->max, tile->width * sizeof(float));
	memcpy(partial + TILE_WIDTH_MAX, tile->sum, tile->width * sizeof(float));
	memcpy(partial + 2 * TILE_WIDTH_MAX, tile->acc,
	       (size_t)tile->width * op->head_dim * sizeof(float));
}

/* Joins the parts of row W of an item into its output. */
static void join_row(const struct cpu_run *run, const struct op *op,
		     const struct attention_item *item, uint32_t first_partial, uint32_t n_splits,
		     uint32_t w)
{
	float *out = item_row(run, op, op->out[0], item, w), max = -3e38f, sum = 0;

	for (uint32_t s = 0; s < n_splits; s++)
		max = fmaxf(max, partial_at(run, op, first_partial + s)[w]);
	memset(out, 0, op->head_dim * sizeof(float));
	for (uint32_t s = 0; s < n_splits; s++) {
		const float *partial = partial_at(run, op, first_partial + s);
		const float *acc = partial + 2 * TILE_WIDTH_MAX + (size_t)w * op->head_dim;
		float factor = expf(partial[w] - max);

		sum += partial[TILE_WIDTH_MAX + w] * factor;
		for (uint32_t d = 0; d < op->head_dim; d++)
			out[d] += acc[d] * factor;
	}
	for (uint32_t d = 0; d < op->head_dim; d++)
		out[d] /= sum;
}

static void join_splits(const struct cpu_run *run, const struct op *op,
			const struct attention_cut *cut, unsigned index)
{
	size_t tile, last;

	while (thread_pool_next(run->pool, index, cut->n_tiles, 1, &tile, &last)) {
		struct attention_item item = item_at(run, op, cut, (uint32_t)tile);

		for (uint32_t w = 0; w < item.n_rows * item.n_heads; w++)
			join_row(run, op, &item, (uint32_t)tile * cut->n_splits, cut->n_splits, w);
	}
	thread_pool_barrier(run->pool, index);
}

void cpu_attention(const struct cpu_run *run, const struct op *op, unsigned index)
{
	struct cpu_member *member = &run->segment->members[index];
	struct attention_cut cut = cut_attention(run, op);
	size_t i, last;

	while (thread_pool_next(run->pool, index, (size_t)cut.n_tiles * cut.n_splits, 1, &i,
				&last)) {
		uint32_t split = (uint32_t)i % cut.n_splits;
		struct attention_item item = item_at(run, op, &cut, (uint32_t)i / cut.n_splits);

		load_queries(run, op, &item, member);
		attend_pages(run, op, &item, &member->attention, split, cut.n_splits);
		if (cut.n_splits == 1)
			write_rows(run, op, &item, member->attention.sum, member->attention.acc);
		else
			keep_partial(op, &member->attention, partial_at(run, op, (uint32_t)i));
	}
	thread_pool_barrier(run->pool, index);
	if (cut.n_splits > 1)
		join_splits(run, op, &cut, index);
}
