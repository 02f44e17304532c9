// SPDX-License-Identifier: MIT
/*
 * Owns what plans are made by: each device's rates, measured where nobody has, and the memory that
 * parts of the model take. Refuses to choose.
 */
#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "clock.h"
#include "internal.h"

/* A device that takes up memory of its own leaves some to its driver. */
static const double USABLE_MEMORY = 0.9;

static int measure_device(struct engine *engine, uint32_t i, const struct progress *progress)
{
	struct calibrate_params params = {
		.entry = engine->entries[i],
		.n_threads = engine->params.n_threads,
		.types = calibrate_types(engine->graph),
		.cache_dir = engine->cache_dir,
		.progress = progress,
		.log = engine->log,
	};
	struct calibration *calibration = &engine->calibrations[i];

	if ((calibration->types & params.types) == params.types)
		return 0;
	if (calibrate_read(&params, calibration) == 0 &&
	    (calibration->types & params.types) == params.types)
		return 0;
	return calibrate(&params, calibration);
}

int engine_measure_devices(struct engine *engine, const struct progress *progress)
{
	for (uint32_t i = 0; i < engine->n_entries; i++) {
		int r = measure_device(engine, i, progress);

		if (r < 0) {
			engine->unmeasurable = engine->entries[i];
			return r;
		}
	}
	return 0;
}

/* Where there is nothing to weigh, what was measured before still says which kernels suit a device. */
static void read_device(struct engine *engine, uint32_t i)
{
	struct calibrate_params params = {
		.entry = engine->entries[i],
		.n_threads = engine->params.n_threads,
		.types = calibrate_types(engine->graph),
		.cache_dir = engine->cache_dir,
		.log = engine->log,
	};
	struct calibration *calibration = &engine->calibrations[i];

	if (calibration->types == 0 && calibrate_read(&params, calibration) == 0 &&
	    (calibration->types & params.types) != params.types)
		calibration->types = 0; /* its rates do not do for this model */
}

static void set_device(struct engine *engine, uint32_t i)
{
	const struct device_entry *entry = engine->entries[i];
	struct plan_device *device = &engine->plan_devices[i];

	if (engine->calibrations[i].types)
		device->rates = &engine->calibrations[i].rates;
	device->shares_host = entry->shares_host;
	device->memory_bytes = entry->shares_host
				       ? UINT64_MAX
				       : (uint64_t)(USABLE_MEMORY * (double)entry->memory_bytes);
}

/* Its whole cache, and one position of it, by layer. */
static int set_kv_costs(struct engine *engine)
{
	struct kv_params kv = engine_kv_params(engine);
	uint32_t n_layers = engine->model->n_layers;
	uint64_t *whole, *position;

	if (!engine->kv_costs)
		engine->kv_costs = calloc(2 * (size_t)n_layers, sizeof(*engine->kv_costs));
	if (!engine->kv_costs)
		return log_oom(engine->log, "planning");
	whole = engine->kv_costs;
	position = engine->kv_costs + n_layers;
	for (uint32_t i = 0; i < engine->graph->n_ops; i++) {
		const struct op *op = &engine->graph->ops[i];

		if (op->kind != OP_ROPE)
			continue;
		whole[op->layer] = engine_layer_kv_bytes(engine, op, &kv);
		position[op->layer] =
			kv_page_bytes(engine->params.kv_type, op->n_head_kv, op->head_dim) /
			KV_PAGE;
	}
	engine->costs.kv_bytes = whole;
	engine->costs.kv_position_bytes = position;
	return 0;
}

int engine_costs_init(struct engine *engine)
{
	for (uint32_t i = 0; i < engine->n_entries; i++) {
		read_device(engine, i);
		set_device(engine, i);
	}
	engine->costs = (struct partition_params){
		.devices = engine->plan_devices,
		.n_devices = engine->n_entries,
		.work = plan_work_default,
		.value_bytes = engine->values_bytes,
		.host_bytes = engine->params.ignore_memory ? UINT64_MAX
							   : engine_host_available(engine),
		.log = engine->log,
	};
	engine->costs.work.n_batch = engine->params.n_batch;
	engine->costs.work.wants_all = engine->params.embeddings;
	if (engine->params.embeddings)
		engine->costs.work.n_answer = 0;
	engine->costs.work.n_prompt = MIN(engine->costs.work.n_prompt, engine->params.n_ctx);
	return set_kv_costs(engine);
}

/* ---- measured ---- */

enum { MEASURED_ANSWER = 32 };

/* The mean of a phase's steps, and its tokens a second. */
static int measure_phase(struct engine *engine, struct session *session, enum phase phase,
			 uint32_t n_steps, uint32_t n_tokens)
{
	struct plan_measured *measured = engine->measured;
	uint64_t begin = clock_now_ns();
	int r = 0;

	for (uint32_t i = 0; i < n_steps && r == 0; i++) {
		if (phase == PHASE_DECODE)
			r = session_append(session, 0);
		if (r == 0)
			r = session_evaluate(session, NULL);
	}
	measured->tokens_s[phase] = n_tokens * 1e9 / (double)(clock_now_ns() - begin);
	if (phase == PHASE_PREFILL)
		n_steps = (uint32_t)div_up(n_tokens, engine->params.n_batch);
	for (uint32_t i = 0; i < PLAN_SEGMENTS_MAX; i++)
		measured->segment_s[phase][i] /= n_steps;
	return r;
}

static int measure_turn(struct engine *engine, struct session *session)
{
	uint32_t n_prompt = engine->costs.work.n_prompt, n_answer = MEASURED_ANSWER;
	int32_t *tokens;
	int r;

	if (n_prompt + n_answer > engine->params.n_ctx)
		n_prompt -= MIN(n_prompt - 1, n_answer);
	n_answer = MIN(n_answer, engine->params.n_ctx - n_prompt);
	tokens = calloc(n_prompt, sizeof(*tokens));
	if (!tokens)
		return log_oom(engine->log, "measuring the plan");
	r = session_sync(session, tokens, n_prompt, NULL);
	free(tokens);
	if (r == 0)
		r = measure_phase(engine, session, PHASE_PREFILL, 1, n_prompt);
	if (r == 0 && n_answer > 0 && !engine->params.embeddings)
		r = measure_phase(engine, session, PHASE_DECODE, n_answer, n_answer);
	return r;
}

int engine_measure(struct engine *engine, struct plan_measured *ret_measured)
{
	struct session *session;
	int r = session_create(engine, &session);

	if (r < 0)
		return r;
	/* The first turn brings weights to memory and drivers to speed. */
	for (int turn = 0; turn < 2 && r == 0; turn++) {
		*ret_measured = (struct plan_measured){0};
		session_clear(session);
		engine->measured = ret_measured;
		r = measure_turn(engine, session);
		engine->measured = NULL;
	}
	session_destroy(session);
	return r;
}
