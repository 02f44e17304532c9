// SPDX-License-Identifier: MIT
/* Owns the work on a device that comes. Refuses to decide what becomes of it. */
#include <errno.h>
#include <stdlib.h>

#include "arrival.h"
#include "array.h"
#include "cleanup.h"

enum { WARM_ROWS = 16 };

/* ---- running once ---- */

struct warm_step {
	struct step step;
	struct step_run run;
	int32_t tokens[WARM_ROWS];
	uint32_t positions[WARM_ROWS], row_runs[WARM_ROWS], outputs[1], pages[1];
	float *rope[MODEL_ROPES_MAX];
};

static void warm_step_finish(struct warm_step *warm)
{
	for (int i = 0; i < MODEL_ROPES_MAX; i++)
		free(warm->rope[i]);
}

/* N rows of the first token; what they leave in the first page is written over by whoever gets that. */
static int warm_step_init(struct warm_step *warm, const struct engine *engine, uint32_t n)
{
	*warm = (struct warm_step){
		.run = {.n_rows = n},
		.step = {.n_tokens = n, .n_outputs = 1, .n_runs = 1, .page_stride = 1},
	};
	for (uint32_t i = 0; i < n; i++)
		warm->positions[i] = i;
	warm->outputs[0] = n - 1;
	warm->step.tokens = warm->tokens;
	warm->step.positions = warm->positions;
	warm->step.row_runs = warm->row_runs;
	warm->step.runs = &warm->run;
	warm->step.outputs = warm->outputs;
	for (uint32_t g = 0; g < engine->graph->n_kv_groups; g++)
		warm->step.pages[g] = warm->pages;
	for (uint32_t i = 0; i < engine->model->n_ropes; i++) {
		size_t n_angles = (size_t)n * engine->model->ropes[i].n_dims + 1;

		warm->step.rope[i] = warm->rope[i] = calloc(n_angles, sizeof(float));
		if (!warm->rope[i])
			return log_oom(engine->log, "preparing a device");
	}
	return 0;
}

static int run_once(const struct engine *engine, const struct engine_segment *segment, uint32_t n)
{
	struct warm_step warm __attribute__((cleanup(warm_step_finish)));
	float seen;
	int r = warm_step_init(&warm, engine, n);

	if (r == 0)
		r = segment_run(segment->segment, &warm.step);
	return r < 0 ? r : buffer_read(segment->device->values, 0, &seen, sizeof(seen));
}

/* Values are what the segments before would have left: numbers. */
static int clear_values(const struct engine *engine, const struct engine_device *device)
{
	_cleanup_free_ void *zeros = calloc(1, engine->values_bytes);

	if (!zeros)
		return log_oom(engine->log, "preparing a device");
	return buffer_write(device->values, 0, zeros, engine->values_bytes);
}

static int warm_up(const struct engine *engine, const struct engine_segment *segment)
{
	int r = clear_values(engine, segment->device);

	if (r == 0)
		r = run_once(engine, segment, 1);
	if (r == 0 && engine->params.n_batch > 1)
		r = run_once(engine, segment, MIN(engine->params.n_batch, (uint32_t)WARM_ROWS));
	return r;
}

/* ---- preparing ---- */

static bool is_in_use(const struct arrival *arrival, const struct device_entry *entry)
{
	for (uint32_t i = 0; i < PLAN_DEVICES_MAX; i++) {
		if (arrival->in_use[i] == entry)
			return true;
	}
	return false;
}

static int take_device(struct arrival *arrival, uint32_t place, struct engine_device **ret_device)
{
	const struct device_entry *entry = arrival->placed.entries[place];

	for (uint32_t i = 0; i < arrival->n_devices; i++) {
		if (arrival->devices[i].entry == entry) {
			*ret_device = &arrival->devices[i];
			return 0;
		}
	}
	*ret_device = &arrival->devices[arrival->n_devices++];
	return engine_device_open(arrival->engine, entry,
				  arrival->placed.calibrations[place].kernel_family, *ret_device);
}

static bool is_made(const struct arrival *arrival, const struct engine_device *device,
		    const struct plan_segment *segment)
{
	for (uint32_t i = 0; i < arrival->n_segments; i++) {
		const struct engine_segment *made = &arrival->segments[i];

		if (made->device == device && made->first_op == segment->first_op &&
		    made->n_ops == segment->n_ops)
			return true;
	}
	return false;
}

static int prepare_segment(struct arrival *arrival, const struct plan_segment *segment)
{
	struct engine_segment *made = &arrival->segments[arrival->n_segments];
	struct engine_device *device;
	int r;

	if (is_in_use(arrival, arrival->placed.entries[segment->device]))
		return 0;
	if (atomic_load(&arrival->engine->is_ending))
		return -ECANCELED;
	arrival->entry = arrival->placed.entries[segment->device];
	r = take_device(arrival, segment->device, &device);
	if (r < 0 || is_made(arrival, device, segment))
		return r;
	r = engine_segment_init(arrival->engine, arrival->packed, device, segment, made);
	if (r < 0)
		return r;
	arrival->n_segments++;
	return warm_up(arrival->engine, made);
}

static void release(struct arrival *arrival)
{
	for (uint32_t i = 0; i < arrival->n_segments; i++)
		segment_destroy(arrival->segments[i].segment);
	for (uint32_t i = 0; i < arrival->n_devices; i++)
		engine_device_finish(arrival->engine, &arrival->devices[i]);
	arrival->n_segments = arrival->n_devices = 0;
}

static int prepare(void *data)
{
	struct arrival *arrival = data;
	int r = 0;

	for (int p = 0; p < PHASES; p++) {
		const struct phase_plan *plan = &arrival->placed.plan.phases[p];

		for (uint32_t i = 0; i < plan->n_segments && r == 0; i++)
			r = prepare_segment(arrival, &plan->segments[i]);
	}
	if (r < 0)
		release(arrival);
	return r;
}

static int measure(void *data)
{
	struct arrival *arrival = data;

	return calibrate(&arrival->calibrate, &arrival->calibration);
}

/* ---- */

static int start(struct arrival *arrival, int (*run)(void *data), struct arrival **ret_arrival)
{
	int r = errand_start(&arrival->errand, run, arrival, arrival->engine->log);

	if (r < 0)
		free(arrival);
	else
		*ret_arrival = arrival;
	return r;
}

static struct arrival *new_arrival(struct engine *engine)
{
	struct arrival *arrival = calloc(1, sizeof(*arrival));

	if (arrival)
		arrival->engine = engine;
	return arrival;
}

int arrival_measure(struct engine *engine, const struct device_entry *entry,
		    struct arrival **ret_arrival)
{
	struct arrival *arrival = new_arrival(engine);

	if (!arrival)
		return log_oom(engine->log, "measuring a device");
	arrival->entry = entry;
	arrival->calibrate = engine_calibrate_params(engine, entry);
	arrival->calibrate.cancel = &engine->is_ending;
	/* Another device computes for itself. */
	if (entry->is_host_cpu)
		arrival->calibrate.turns = &engine->turns;
	return start(arrival, measure, ret_arrival);
}

int arrival_prepare(struct engine *engine, struct arrival **ret_arrival)
{
	struct arrival *arrival = new_arrival(engine);

	if (!arrival)
		return log_oom(engine->log, "preparing a device");
	arrival->prepares = true;
	arrival->placed = engine->placed;
	arrival->packed = engine->packed;
	for (uint32_t i = 0; i < PLAN_DEVICES_MAX; i++)
		arrival->in_use[i] = engine->devices[i].entry;
	return start(arrival, prepare, ret_arrival);
}

bool arrival_is_done(const struct arrival *arrival)
{
	return errand_is_done(&arrival->errand);
}

int arrival_end(struct arrival *arrival)
{
	return errand_join(&arrival->errand);
}

void arrival_destroy(struct arrival *arrival)
{
	if (!arrival)
		return;
	release(arrival);
	free(arrival);
}
