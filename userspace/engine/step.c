// SPDX-License-Identifier: MIT
/*
 * Owns a step: gathering tokens of the sessions, having the plan run over them, and what is true
 * of the sessions after. Refuses to decide who gets how much beyond an even share.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "internal.h"

/* ---- memory ---- */

int step_memory_init(struct engine *engine)
{
	const struct engine_params *params = &engine->params;
	struct step_memory *memory = &engine->step;
	bool complete = true;

	memory->tokens = calloc(params->n_batch, sizeof(*memory->tokens));
	memory->positions = calloc(params->n_batch, sizeof(*memory->positions));
	memory->row_runs = calloc(params->n_batch, sizeof(*memory->row_runs));
	memory->outputs = calloc(params->n_outputs, sizeof(*memory->outputs));
	memory->owners = calloc(params->n_outputs, sizeof(*memory->owners));
	memory->output_positions = calloc(params->n_outputs, sizeof(*memory->output_positions));
	memory->runs = calloc(params->n_sessions, sizeof(*memory->runs));
	memory->run_owners = calloc(params->n_sessions, sizeof(*memory->run_owners));
	memory->part_row_runs = calloc(params->n_batch, sizeof(*memory->part_row_runs));
	memory->part_outputs = calloc(params->n_outputs, sizeof(*memory->part_outputs));
	memory->part_runs =
		calloc(params->n_sessions + ENGINE_PARTS_MAX, sizeof(*memory->part_runs));
	memory->adapter_scales =
		calloc((size_t)params->n_batch * engine->n_adapters + 1, sizeof(float));
	memory->result = calloc(engine_n_result(engine), sizeof(float));
	for (uint32_t g = 0; g < engine->graph->n_kv_groups; g++) {
		memory->pages[g] = calloc((size_t)params->n_sessions * engine->max_pages,
					  sizeof(*memory->pages[g]));
		complete = complete && memory->pages[g];
	}
	for (uint32_t i = 0; i < engine->model->n_ropes; i++) {
		size_t pairs = engine->model->ropes[i].n_dims / 2;

		memory->frequencies[i] = calloc(pairs + 1, sizeof(*memory->frequencies[i]));
		memory->rope[i] = calloc(2 * pairs * params->n_batch + 1, sizeof(float));
		complete = complete && memory->frequencies[i] && memory->rope[i];
		if (complete)
			rope_frequencies(&engine->model->ropes[i], params->n_ctx,
					 memory->frequencies[i]);
	}
	return complete && memory->tokens && memory->positions && memory->row_runs &&
			       memory->outputs && memory->owners && memory->output_positions &&
			       memory->runs && memory->run_owners && memory->adapter_scales &&
			       memory->part_row_runs && memory->part_outputs && memory->part_runs &&
			       memory->result
		       ? 0
		       : -ENOMEM;
}

void step_memory_finish(struct engine *engine)
{
	struct step_memory *memory = &engine->step;

	free(memory->tokens);
	free(memory->positions);
	free(memory->row_runs);
	free(memory->outputs);
	free(memory->owners);
	free(memory->output_positions);
	free(memory->runs);
	free(memory->run_owners);
	free(memory->part_row_runs);
	free(memory->part_outputs);
	free(memory->part_runs);
	free(memory->adapter_scales);
	free(memory->result);
	for (int i = 0; i < KV_GROUPS_MAX; i++)
		free(memory->pages[i]);
	for (int i = 0; i < MODEL_ROPES_MAX; i++) {
		free(memory->frequencies[i]);
		free(memory->rope[i]);
	}
}

/* ---- gathering ---- */

static size_t pending(const struct session *session)
{
	return session->n_tokens - session->n_done;
}

static bool wants_output(const struct session *session, size_t position)
{
	return position == session->n_tokens - 1 || session_is_observed(session, position);
}

static void add_adapters(const struct engine *engine, struct step *step, uint32_t row,
			 const struct session *session)
{
	float *scales = engine->step.adapter_scales + (size_t)row * engine->n_adapters;

	for (uint32_t i = 0; i < engine->n_adapters; i++) {
		scales[i] = session->adapter_scales[i];
		if (scales[i] != 0)
			step->adapter_scales = engine->step.adapter_scales;
	}
}

/* One row of the step: token POSITION of the session. */
static void add_row(struct engine *engine, struct step *step, struct session *session,
		    size_t position)
{
	struct step_memory *memory = &engine->step;
	uint32_t row = step->n_tokens++;

	memory->tokens[row] = session->tokens[position];
	memory->positions[row] = (uint32_t)position;
	memory->row_runs[row] = step->n_runs;
	add_adapters(engine, step, row, session);
	if (wants_output(session, position)) {
		memory->owners[step->n_outputs] = session;
		memory->output_positions[step->n_outputs] = (uint32_t)position;
		memory->outputs[step->n_outputs++] = row;
	}
}

static void add_pages(struct engine *engine, const struct step *step, const struct session *session)
{
	for (uint32_t g = 0; g < engine->graph->n_kv_groups; g++) {
		const struct kv_table *table = &session->tables[g];
		uint32_t *to = engine->step.pages[g] + (size_t)step->n_runs * step->page_stride;

		memcpy(to, table->pages, MIN(table->end, step->page_stride) * sizeof(*to));
	}
}

/* As many rows of the session as SHARE and the room for outputs allow. */
static int add_session(struct engine *engine, struct step *step, struct session *session,
		       size_t share)
{
	uint32_t first_row = step->n_tokens;
	size_t n = MIN(pending(session), share);

	for (uint32_t g = 0; g < engine->graph->n_kv_groups; g++) {
		int r = kv_table_extend(&session->tables[g], &engine->pools[g],
					(uint32_t)(session->n_done + n));

		if (r < 0)
			return log_error(engine->log, -r, "the cache has no page left");
	}
	for (size_t i = 0; i < n; i++) {
		if (wants_output(session, session->n_done + i) &&
		    step->n_outputs == engine->params.n_outputs)
			break;
		add_row(engine, step, session, session->n_done + i);
	}
	if (step->n_tokens == first_row)
		return 0;
	engine->step.runs[step->n_runs] =
		(struct step_run){first_row, step->n_tokens - first_row, (uint32_t)session->n_done};
	engine->step.run_owners[step->n_runs] = session;
	add_pages(engine, step, session);
	step->n_runs++;
	return 0;
}

/* The page tables of a step are as wide as its longest sequence. */
static uint32_t widest_table(const struct engine *engine, struct session *const *sessions,
			     uint32_t n_sessions)
{
	size_t longest = 1;

	for (uint32_t i = 0; i < n_sessions; i++)
		longest = MAX(longest, MIN(sessions[i]->n_tokens,
					   sessions[i]->n_done + engine->params.n_batch));
	return (uint32_t)div_up(longest, KV_PAGE);
}

/*
 * How many of ROOM rows a session may take while LEFT of them want some. Those that only decode leave
 * most of their share to those that prefill; an encoder's text goes into one step, this one or a later.
 */
static size_t share_of(const struct engine *engine, const struct session *session, size_t room,
		       uint32_t left)
{
	if (engine->model->is_encoder)
		return pending(session) <= room ? pending(session) : 0;
	return MAX(room / left, 1);
}

static int gather(struct engine *engine, struct session *const *sessions, uint32_t n_sessions,
		  struct step *step)
{
	uint32_t left = 0;

	*step = (struct step){.page_stride = widest_table(engine, sessions, n_sessions)};
	for (uint32_t i = 0; i < n_sessions; i++)
		left += pending(sessions[i]) > 0;
	for (uint32_t i = 0; i < n_sessions; i++) {
		size_t room = engine->params.n_batch - step->n_tokens;
		int r;

		if (pending(sessions[i]) == 0)
			continue;
		r = add_session(engine, step, sessions[i],
				share_of(engine, sessions[i], room, left));
		if (r < 0)
			return r;
		left--;
	}
	return 0;
}

static void fill_step(struct engine *engine, struct step *step)
{
	struct step_memory *memory = &engine->step;

	for (uint32_t i = 0; i < engine->model->n_ropes; i++) {
		rope_table(&engine->model->ropes[i], memory->frequencies[i], memory->positions,
			   step->n_tokens, memory->rope[i]);
		step->rope[i] = memory->rope[i];
	}
	for (uint32_t g = 0; g < engine->graph->n_kv_groups; g++)
		step->pages[g] = memory->pages[g];
	step->tokens = memory->tokens;
	step->positions = memory->positions;
	step->row_runs = memory->row_runs;
	step->runs = memory->runs;
	step->outputs = memory->outputs;
}

/* ---- running ---- */

/* A step that continues every text by one token decodes; all others prefill, in part at least. */
static enum phase phase_of(const struct step *step)
{
	return step_has_single_rows(step) ? PHASE_DECODE : PHASE_PREFILL;
}

/* The step's rows are in the cache now; pages behind every window are given back. */
static void commit_run(struct engine *engine, struct session *session, const struct step_run *run,
		       enum phase phase)
{
	session->n_done += run->n_rows;
	session->n_cached[phase] = session->n_done;
	for (uint32_t g = 0; g < engine->graph->n_kv_groups; g++) {
		size_t kept = engine->graph->kv_groups[g].window + SESSION_REWIND;

		if (engine->graph->kv_groups[g].window > 0 && session->n_done > kept)
			kv_table_trim(&session->tables[g], &engine->pools[g],
				      (uint32_t)(session->n_done - kept));
	}
}

static int bring_caches(struct engine *engine, enum phase phase, const struct step *step)
{
	int r = 0;

	for (uint32_t i = 0; i < step->n_runs && r == 0; i++)
		r = engine_bring_cache(engine, engine->step.run_owners[i], phase);
	return r;
}

/* What the step gathers is evaluated, or, on an error, not. */
static int take_step(struct engine *engine, struct session *const *sessions, uint32_t n_sessions)
{
	enum phase phase;
	struct step step;
	int r;

	engine->failed = NULL;
	if (!engine->is_ready)
		return log_error(engine->log, ENODEV, "no device is left to run the model");
	r = gather(engine, sessions, n_sessions, &step);
	if (r < 0 || step.n_tokens == 0)
		return r;
	fill_step(engine, &step);
	phase = phase_of(&step);
	r = bring_caches(engine, phase, &step);
	if (r == 0)
		r = engine_run(engine, phase, &step);
	for (uint32_t i = 0; i < step.n_runs && r == 0; i++)
		commit_run(engine, engine->step.run_owners[i], &engine->step.runs[i], phase);
	return r;
}

static int64_t step_locked(struct engine *engine, struct session *const *sessions,
			   uint32_t n_sessions)
{
	int64_t left = 0;
	int r;

	engine_reconsider(engine);
	turns_take(&engine->turns);
	do {
		r = take_step(engine, sessions, n_sessions);
	} while (r < 0 && engine_recover(engine, r));
	turns_give(&engine->turns);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n_sessions; i++)
		left += (int64_t)pending(sessions[i]);
	return left;
}

int64_t engine_step(struct engine *engine, struct session *const *sessions, uint32_t n_sessions)
{
	int64_t left;

	(void)pthread_mutex_lock(&engine->lock);
	left = step_locked(engine, sessions, n_sessions);
	(void)pthread_mutex_unlock(&engine->lock);
	return left;
}
