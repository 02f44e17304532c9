// SPDX-License-Identifier: MIT
/*
 * Owns what plans are made by: each device's rates, measured where nobody has, and the memory that
 * parts of the model take. Refuses to choose.
 */
#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "internal.h"

/* A device that takes up memory of its own leaves some to its driver. */
static const double USABLE_MEMORY = 0.9;

static struct calibrate_params calibrate_params_of(const struct engine *engine, uint32_t i)
{
	return (struct calibrate_params){
		.entry = engine->placed.entries[i],
		.n_threads = engine->params.n_threads,
		.types = calibrate_types(engine->graph),
		.cache_dir = engine->cache_dir,
		.log = engine->log,
	};
}

static bool has_rates(const struct calibration *calibration, uint64_t types)
{
	return (calibration->types & types) == types;
}

int engine_measure_devices(struct engine *engine, const struct progress *progress)
{
	for (uint32_t i = 0; i < engine->placed.n_entries; i++) {
		struct calibrate_params params = calibrate_params_of(engine, i);
		struct calibration *calibration = &engine->placed.calibrations[i];
		int r;

		params.progress = progress;
		r = has_rates(calibration, params.types) ? 0 : calibrate(&params, calibration);
		if (r < 0) {
			engine->unmeasurable = params.entry;
			return r;
		}
	}
	return 0;
}

/* Where there is nothing to weigh, what was measured before still says which kernels suit a device. */
static void read_device(struct engine *engine, uint32_t i)
{
	struct calibrate_params params = calibrate_params_of(engine, i);
	struct calibration *calibration = &engine->placed.calibrations[i];

	if (calibration->types == 0 && calibrate_read(&params, calibration) == 0 &&
	    !has_rates(calibration, params.types))
		calibration->types = 0; /* its rates do not do for this model */
}

static void set_device(struct engine *engine, uint32_t i)
{
	const struct device_entry *entry = engine->placed.entries[i];
	struct plan_device *device = &engine->placed.devices[i];

	if (engine->placed.calibrations[i].types)
		device->rates = &engine->placed.calibrations[i].rates;
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
	engine->placed.costs.kv_bytes = whole;
	engine->placed.costs.kv_position_bytes = position;
	return 0;
}

int engine_costs_init(struct engine *engine)
{
	for (uint32_t i = 0; i < engine->placed.n_entries; i++) {
		read_device(engine, i);
		set_device(engine, i);
	}
	engine->placed.costs = (struct partition_params){
		.devices = engine->placed.devices,
		.n_devices = engine->placed.n_entries,
		.work = plan_work_default,
		.value_bytes = engine->values_bytes,
		.host_bytes = engine->params.ignore_memory ? UINT64_MAX
							   : engine_host_available(engine),
		.log = engine->log,
	};
	engine->placed.costs.work.n_batch = engine->params.n_batch;
	engine->placed.costs.work.wants_all = engine->params.embeddings;
	if (engine->params.embeddings)
		engine->placed.costs.work.n_answer = 0;
	engine->placed.costs.work.n_prompt =
		MIN(engine->placed.costs.work.n_prompt, engine->params.n_ctx);
	return set_kv_costs(engine);
}
