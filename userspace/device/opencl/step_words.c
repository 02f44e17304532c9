// SPDX-License-Identifier: MIT
/* Owns the block of words in which a step reaches the device. Must agree with common/step.cl. */
#include <string.h>

#include "segment.h"

enum {
	STEP_N_TOKENS,
	STEP_N_OUTPUTS,
	STEP_N_RUNS,
	STEP_PAGE_STRIDE,
	STEP_TOKENS,
	STEP_POSITIONS,
	STEP_ROW_RUNS,
	STEP_OUTPUTS,
	STEP_RUNS,
	STEP_PAGES,
	STEP_ROPES = STEP_PAGES + KV_GROUPS_MAX,
	STEP_N_SPLITS = STEP_ROPES + MODEL_ROPES_MAX,
	STEP_N_TILES,
	STEP_ADAPTERS,
	STEP_HEADER,
};

size_t step_words_capacity(const struct segment_params *params)
{
	const struct graph *graph = params->graph;
	size_t words = STEP_HEADER + 3 * (size_t)params->max_tokens + params->max_outputs +
		       3 * (size_t)params->max_runs;

	words += (size_t)graph->n_kv_groups * params->max_runs * params->max_pages;
	for (uint32_t i = 0; i < graph->model->n_ropes; i++)
		words += (size_t)params->max_tokens * graph->model->ropes[i].n_dims;
	return words + (size_t)params->max_tokens * graph->n_adapters;
}

/* Appends N words at *AT and notes in PART where they begin. */
static void put(uint32_t *words, size_t *at, unsigned part, const void *from, size_t n)
{
	words[part] = (uint32_t)*at;
	if (n > 0)
		memcpy(words + *at, from, n * sizeof(*words));
	*at += n;
}

static void put_runs(uint32_t *words, size_t *at, const struct step *step)
{
	words[STEP_RUNS] = (uint32_t)*at;
	for (uint32_t i = 0; i < step->n_runs; i++) {
		words[(*at)++] = step->runs[i].first_row;
		words[(*at)++] = step->runs[i].n_rows;
		words[(*at)++] = step->runs[i].first_position;
	}
}

size_t step_words_write(uint32_t *words, const struct graph *graph, const struct step *step,
			uint32_t n_splits)
{
	size_t at = STEP_HEADER, n = step->n_tokens;

	memset(words, 0, STEP_HEADER * sizeof(*words));
	words[STEP_N_TOKENS] = step->n_tokens;
	words[STEP_N_OUTPUTS] = step->n_outputs;
	words[STEP_N_RUNS] = step->n_runs;
	words[STEP_PAGE_STRIDE] = step->page_stride;
	words[STEP_N_SPLITS] = n_splits;
	put(words, &at, STEP_TOKENS, step->tokens, n);
	put(words, &at, STEP_POSITIONS, step->positions, n);
	put(words, &at, STEP_ROW_RUNS, step->row_runs, n);
	put(words, &at, STEP_OUTPUTS, step->outputs, step->n_outputs);
	put_runs(words, &at, step);
	for (uint32_t g = 0; g < graph->n_kv_groups; g++)
		put(words, &at, STEP_PAGES + g, step->pages[g],
		    (size_t)step->n_runs * step->page_stride);
	for (uint32_t i = 0; i < graph->model->n_ropes; i++)
		put(words, &at, STEP_ROPES + i, step->rope[i], n * graph->model->ropes[i].n_dims);
	if (step->adapter_scales)
		put(words, &at, STEP_ADAPTERS, step->adapter_scales, n * graph->n_adapters);
	return at;
}
