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

struct calibrate_params engine_calibrate_params(const struct engine *engine,
						const struct device_entry *entry)
{
	return (struct calibrate_params){
		.entry = entry,
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

static struct engine_figures *find_figures(const struct engine *engine,
					   const struct device_entry *entry)
{
	for (size_t i = 0; i < engine->n_figures; i++) {
		if (engine->figures[i].entry == entry)
			return &engine->figures[i];
	}
	return NULL;
}

int engine_keep_figures(struct engine *engine, const struct device_entry *entry,
			const struct calibration *calibration)
{
	struct engine_figures *figures = find_figures(engine, entry);

	if (!figures) {
		if (array_reserve(&engine->figures, &engine->figures_capacity,
				  engine->n_figures + 1, sizeof(*figures)) < 0)
			return log_oom(engine->log, "measuring a device");
		figures = &engine->figures[engine->n_figures++];
	}
	*figures = (struct engine_figures){entry, *calibration};
	return 0;
}

/* What is known of entry I without measuring it; false where that does not do for this model. */
static bool recall(struct engine *engine, uint32_t i)
{
	const struct device_entry *entry = engine->placed.entries[i];
	struct calibrate_params params = engine_calibrate_params(engine, entry);
	struct calibration *calibration = &engine->placed.calibrations[i];
	const struct engine_figures *figures = find_figures(engine, entry);

	/* A type that the device lacks is lacking for good. */
	if (figures)
		*calibration = figures->calibration;
	else if (calibration->types == 0 && calibrate_read(&params, calibration) == 0 &&
		 !has_rates(calibration, params.types))
		calibration->types = 0;
	return figures || has_rates(calibration, params.types);
}

const struct device_entry *engine_unmeasured(struct engine *engine)
{
	for (uint32_t i = 0; i < engine->placed.n_entries; i++) {
		if (!recall(engine, i))
			return engine->placed.entries[i];
	}
	return NULL;
}

static int measure_device(struct engine *engine, uint32_t i, const struct progress *progress)
{
	const struct device_entry *entry = engine->placed.entries[i];
	struct calibrate_params params = engine_calibrate_params(engine, entry);
	struct calibration *calibration = &engine->placed.calibrations[i];
	int r;

	params.progress = progress;
	r = calibrate(&params, calibration);
	if (r < 0)
		engine->unfit = entry;
	return r < 0 ? r : engine_keep_figures(engine, entry, calibration);
}

int engine_measure_devices(struct engine *engine, const struct progress *progress)
{
	int r = 0;

	for (uint32_t i = 0; i < engine->placed.n_entries && r == 0; i++)
		r = recall(engine, i) ? 0 : measure_device(engine, i, progress);
	return r;
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
		/* Where there is nothing to weigh, it still says which kernels suit a device. */
		(void)recall(engine, i);
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
