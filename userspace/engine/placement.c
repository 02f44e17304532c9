// SPDX-License-Identifier: MIT
/*
 * Owns where the model runs: the choice of devices, the plan, and what each device holds for it. A device
 * that fails is set aside and what is left takes over. Refuses to run anything.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "absence.h"
#include "array.h"
#include "clock.h"
#include "internal.h"

enum { RETRY_MAX_MS = 3600 * 1000 };

static const uint64_t NS_PER_MS = 1000000;

/* ---- choosing ---- */

/* A choice of native devices spares the start of every OpenCL driver. */
static bool is_native(const char *selector)
{
	return selector && (strcmp(selector, "cpu") == 0 || strcmp(selector, "reference") == 0);
}

static const char *selector_of(const struct engine *engine, enum phase phase)
{
	return engine->phase_selector[phase] ? engine->phase_selector[phase] : engine->selector;
}

static enum device_scope scope_of(const struct engine *engine)
{
	return is_native(selector_of(engine, PHASE_PREFILL)) &&
			       is_native(selector_of(engine, PHASE_DECODE))
		       ? DEVICES_NATIVE
		       : DEVICES_ALL;
}

/* The entry's place among those in use, added where it is not there. -1: no room. */
static int place_of_entry(struct engine *engine, const struct device_entry *entry)
{
	for (uint32_t i = 0; i < engine->placed.n_entries; i++) {
		if (engine->placed.entries[i] == entry)
			return (int)i;
	}
	if (engine->placed.n_entries == PLAN_DEVICES_MAX)
		return -1;
	engine->placed.entries[engine->placed.n_entries] = entry;
	return (int)engine->placed.n_entries++;
}

static int choose_for_phase(struct engine *engine, enum phase phase, const struct log *log)
{
	const struct device_entry *entries[PLAN_DEVICES_MAX];
	const char *selector = selector_of(engine, phase);
	int n;

	engine->placed.allowed[phase] = 0;
	if (selector)
		n = device_list_select(engine->device_list, selector, log, entries,
				       PLAN_DEVICES_MAX);
	else
		n = device_list_candidates(engine->device_list, entries, PLAN_DEVICES_MAX);
	for (int i = 0; i < n; i++) {
		int place = place_of_entry(engine, entries[i]);

		if (place < 0)
			return log_error(log, ENODEV, "these are more than %d devices",
					 PLAN_DEVICES_MAX);
		engine->placed.allowed[phase] |= 1u << place;
	}
	return n < 0 ? n : 0;
}

/* Reads "60,40" into the shares of the devices. */
static int read_split(struct engine *engine, const struct log *log)
{
	const char *at = engine->split;
	uint32_t n = 0;

	if (engine->phase_selector[PHASE_PREFILL] || engine->phase_selector[PHASE_DECODE])
		return log_error(log, EINVAL,
				 "a split is for both phases: it cannot go with devices for one");

	for (char *end; at; n++) {
		double share = strtod(at, &end);

		if (end == at || (*end != ',' && *end != '\0') || !(share >= 0 && share <= 1e9))
			return log_error(log, EINVAL, "'%s' is no list of shares like 60,40",
					 engine->split);
		if (n < engine->placed.n_entries)
			engine->placed.shares[n] = share;
		at = *end == ',' ? end + 1 : NULL;
	}
	if (n != engine->placed.n_entries)
		return log_error(log, EINVAL,
				 "the split '%s' has %u shares and there are %u devices",
				 engine->split, n, engine->placed.n_entries);
	return 0;
}

/* LOG: of what is wrong with what was asked for; NULL: nobody wants to know. */
static int choose_entries(struct engine *engine, const struct log *log)
{
	int r;

	engine->placed.n_entries = 0;
	memset(engine->placed.calibrations, 0, sizeof(engine->placed.calibrations));
	r = choose_for_phase(engine, PHASE_PREFILL, log);
	if (r == 0)
		r = choose_for_phase(engine, PHASE_DECODE, log);
	return r == 0 && engine->split ? read_split(engine, log) : r;
}

/* ---- planning ---- */

/* A share may be less than any layer, or than the embedding that the first layer comes with. */
static void warn_left_out(const struct engine *engine)
{
	const struct phase_plan *plan = &engine->placed.plan.phases[PHASE_DECODE];

	for (uint32_t i = 0; i < engine->placed.n_entries; i++) {
		bool is_used = false;

		for (uint32_t k = 0; k < plan->n_segments; k++)
			is_used = is_used || plan->segments[k].device == i;
		if (!is_used && engine->placed.shares[i] > 0)
			log_warning(engine->log,
				    "the split '%s' leaves nothing for %s: its share is less than "
				    "the model can be cut into",
				    engine->split, engine->placed.entries[i]->name);
	}
}

static int plan_by_split(struct engine *engine)
{
	int r;

	for (uint32_t i = 0; i < engine->placed.n_entries; i++)
		engine->placed.devices[i].share = engine->placed.shares[i];
	r = partition_by_share(engine->graph, engine->placed.devices, engine->placed.n_entries,
			       &engine->placed.plan);
	if (r == 0)
		warn_left_out(engine);
	return r < 0 ? log_error(engine->log, -r, "the split '%s' gives nothing to any device",
				 engine->split)
		     : 0;
}

static bool is_one_device(uint32_t devices)
{
	return (devices & (devices - 1)) == 0;
}

/* Where each phase has one device there is nothing to weigh. */
static int plan_without_choice(struct engine *engine)
{
	int r = 0;

	for (int p = 0; p < PHASES && r == 0; p++) {
		struct plan plan;

		for (uint32_t i = 0; i < engine->placed.n_entries; i++)
			engine->placed.devices[i].share = engine->placed.allowed[p] >> i & 1;
		r = partition_by_share(engine->graph, engine->placed.devices,
				       engine->placed.n_entries, &plan);
		engine->placed.plan.phases[p] = plan.phases[p];
	}
	return r;
}

/* Named devices are all used, in one phase or the other. */
static uint32_t required_devices(const struct engine *engine)
{
	uint32_t required = 0;

	for (int p = 0; p < PHASES; p++) {
		if (selector_of(engine, (enum phase)p))
			required |= engine->placed.allowed[p];
	}
	return required;
}

static int plan_by_cost(struct engine *engine)
{
	int r;

	engine->placed.costs.required = required_devices(engine);
	for (int p = 0; p < PHASES; p++)
		engine->placed.costs.allowed[p] = engine->placed.allowed[p];
	r = partition_optimal(engine->graph, &engine->placed.costs, &engine->placed.plan,
			      &engine->placed.prediction);
	engine->placed.has_prediction = r == 0;
	return r == -EINVAL ? -ENODEV : r;
}

static bool has_choice(const struct engine *engine)
{
	return !is_one_device(engine->placed.allowed[PHASE_PREFILL]) ||
	       !is_one_device(engine->placed.allowed[PHASE_DECODE]);
}

static int make_plan(struct engine *engine, const struct progress *progress)
{
	bool weighs = !engine->split && has_choice(engine);
	int r = 0;

	engine->placed.has_prediction = false;
	for (uint32_t i = 0; i < engine->placed.n_entries; i++)
		engine->placed.devices[i] =
			(struct plan_device){.name = engine->placed.entries[i]->name};
	if (engine->split)
		r = plan_by_split(engine);
	else if (!weighs)
		r = plan_without_choice(engine);
	if (r == 0 && (weighs || engine->params.measures))
		r = engine_measure_devices(engine, progress);
	if (r == 0)
		r = engine_costs_init(engine);
	engine->placed.costs.is_given = !weighs;
	return r == 0 && weighs ? plan_by_cost(engine) : r;
}

/* ---- devices ---- */

static const char *kernel_family_of(const struct engine *engine, const struct device_entry *entry)
{
	for (uint32_t i = 0; i < engine->placed.n_entries; i++) {
		if (engine->placed.entries[i] == entry)
			return engine->placed.calibrations[i].kernel_family;
	}
	return NULL;
}

static int open_device(struct engine *engine, const struct device_entry *entry,
		       struct engine_device *device)
{
	struct device_params params = {
		.ops = entry->ops,
		.driver_data = entry->driver_data,
		.n_threads = engine->params.n_threads,
		.activations = engine->params.activations,
		.kernel_family = kernel_family_of(engine, entry),
		.cache_dir = engine->cache_dir,
		.log = engine->log,
	};

	device->entry = entry;
	device->weights = calloc(engine->graph->n_matrices, sizeof(struct buffer *));
	device->kv = calloc(engine->model->n_layers, sizeof(struct buffer *));
	if (!device->weights || !device->kv)
		return log_oom(engine->log, "preparing a device");
	return blame(engine, device, device_open(&params, &device->device));
}

static void release_device(struct engine *engine, struct engine_device *device)
{
	buffer_destroy(device->values);
	for (uint32_t i = 0; device->weights && i < engine->graph->n_matrices; i++)
		buffer_destroy(device->weights[i]);
	for (uint32_t i = 0; device->kv && i < engine->model->n_layers; i++)
		buffer_destroy(device->kv[i]);
	free(device->weights);
	free(device->kv);
	device_close(device->device);
	*device = (struct engine_device){0};
}

/* The device of a plan segment, opened if it is not. */
static int take_device(struct engine *engine, const struct plan_segment *segment,
		       struct engine_device **ret_device)
{
	const struct device_entry *entry = engine->placed.entries[segment->device];
	struct engine_device *free_place = NULL;

	for (uint32_t i = 0; i < PLAN_DEVICES_MAX; i++) {
		struct engine_device *device = &engine->devices[i];

		if (device->entry == entry) {
			*ret_device = device;
			return 0;
		}
		if (!device->entry && !free_place)
			free_place = device;
	}
	if (!free_place)
		return -ENOSPC;
	*ret_device = free_place;
	return open_device(engine, entry, free_place);
}

static int open_devices(struct engine *engine, const struct phase_plan *plan)
{
	struct engine_device *device;
	int r = 0;

	for (uint32_t i = 0; i < plan->n_segments && r == 0; i++)
		r = take_device(engine, &plan->segments[i], &device);
	return r;
}

static bool wants_packed(const struct engine *engine)
{
	for (uint32_t i = 0; i < PLAN_DEVICES_MAX; i++) {
		if (engine->devices[i].device &&
		    device_weight_form(engine->devices[i].device) == WEIGHTS_PACKED)
			return true;
	}
	return false;
}

static int pack_weights(struct engine *engine, const struct progress *progress)
{
	struct packed_params params = {
		.model = engine->model,
		.cache_dir = engine->cache_dir,
		.progress = progress,
		.log = engine->log,
	};
	int r;

	if (engine->packed || !wants_packed(engine))
		return 0;
	r = thread_pool_create(engine->params.n_threads, engine->log, &params.pool);
	if (r < 0)
		return r;
	r = packed_create(&params, &engine->packed);
	thread_pool_destroy(params.pool);
	return r;
}

/* ---- what a device holds ---- */

static int make_weight(struct engine *engine, struct engine_device *device,
		       const struct matrix *matrix)
{
	enum weight_form form = device_weight_form(device->device);
	struct buffer_params params = {.read_only = true};
	int r = 0;

	if (device->weights[matrix->id])
		return 0;
	if (matrix->id >= engine->model->n_matrices) {
		r = engine_adapter_data(engine, matrix->id, form, &params);
	} else if (form == WEIGHTS_PACKED) {
		params.initial = packed_matrix(engine->packed, matrix->id);
		params.size_bytes = packed_bytes_of(matrix);
	} else {
		params.initial = matrix_data(matrix);
		params.size_bytes = matrix_bytes(matrix);
	}
	return r < 0 ? r : buffer_create(device->device, &params, &device->weights[matrix->id]);
}

static int make_cache(struct engine *engine, struct engine_device *device, const struct op *rope)
{
	struct kv_params kv = engine_kv_params(engine);
	struct buffer_params params = {.size_bytes = engine_layer_kv_bytes(engine, rope, &kv)};

	if (device->kv[rope->layer])
		return 0;
	return buffer_create(device->device, &params, &device->kv[rope->layer]);
}

static int make_buffers(struct engine *engine, struct engine_device *device,
			const struct plan_segment *segment)
{
	struct buffer_params values = {.size_bytes = engine->values_bytes};
	int r = 0;

	for (uint32_t i = 0; i < segment->n_ops && r == 0; i++) {
		const struct op *op = &engine->graph->ops[segment->first_op + i];

		for (uint32_t k = 0; k < op->n_weights && r == 0; k++)
			r = make_weight(engine, device, op->weight[k]);
		if (r == 0 && op->kind == OP_ROPE)
			r = make_cache(engine, device, op);
	}
	if (r == 0 && !device->values)
		r = buffer_create(device->device, &values, &device->values);
	return r;
}

/* ---- segments ---- */

static int make_segment(struct engine *engine, struct engine_device *device,
			const struct plan_segment *segment, struct engine_segment *ret_segment)
{
	struct segment_params params = {
		.graph = engine->graph,
		.first_op = segment->first_op,
		.n_ops = segment->n_ops,
		.max_tokens = engine->params.n_batch,
		.max_outputs = engine->params.n_outputs,
		.max_runs = engine->params.n_sessions,
		.max_pages = engine->max_pages,
		.kv_type = engine->params.kv_type,
		.value_offsets = engine->value_offsets,
	};
	int r = make_buffers(engine, device, segment);

	if (r < 0)
		return r;
	params.weights = device->weights;
	params.values = device->values;
	params.kv = device->kv;
	ret_segment->device = device;
	ret_segment->first_op = segment->first_op;
	ret_segment->n_ops = segment->n_ops;
	return segment_create(device->device, &params, &ret_segment->segment);
}

static struct engine_segment *find_segment(struct engine *engine,
					   const struct engine_device *device,
					   const struct plan_segment *segment)
{
	for (uint32_t i = 0; i < engine->n_segments; i++) {
		struct engine_segment *there = &engine->segments[i];

		if (there->device == device && there->first_op == segment->first_op &&
		    there->n_ops == segment->n_ops)
			return there;
	}
	return NULL;
}

static int route_segment(struct engine *engine, enum phase phase, uint32_t i)
{
	const struct plan_segment *segment = &engine->placed.plan.phases[phase].segments[i];
	struct engine_segment *ready;
	struct engine_device *device;
	int r = take_device(engine, segment, &device);

	if (r < 0)
		return r;
	ready = find_segment(engine, device, segment);
	if (!ready) {
		ready = &engine->segments[engine->n_segments];
		r = blame(engine, device, make_segment(engine, device, segment, ready));
		if (r < 0)
			return r;
		engine->n_segments++;
	}
	engine->routes[phase][i] = ready;
	return 0;
}

static void find_homes(struct engine *engine, enum phase phase)
{
	for (uint32_t i = 0; i < engine->placed.plan.phases[phase].n_segments; i++) {
		const struct engine_segment *segment = engine->routes[phase][i];

		for (uint32_t k = 0; k < segment->n_ops; k++) {
			const struct op *op = &engine->graph->ops[segment->first_op + k];

			if (op->kind == OP_ROPE)
				engine->kv_homes[phase][op->layer] = segment->device;
		}
	}
}

static int make_route(struct engine *engine, enum phase phase)
{
	size_t n_layers = engine->model->n_layers;
	int r = 0;

	if (!engine->kv_homes[phase])
		engine->kv_homes[phase] = calloc(n_layers, sizeof(*engine->kv_homes[phase]));
	if (!engine->kv_homes[phase])
		return log_oom(engine->log, "preparing the plan");
	for (uint32_t i = 0; i < engine->placed.plan.phases[phase].n_segments && r == 0; i++)
		r = route_segment(engine, phase, i);
	if (r == 0)
		find_homes(engine, phase);
	return r;
}

/*
 * Room for a batch of the widest value that crosses between segments; for parts that follow each
 * other, at each boundary, where two of them may be on their way at once.
 */
static int make_crossings(struct engine *engine)
{
	size_t n_cols = 1, n_boundaries = 1;
	float *crossing;

	for (int p = 0; p < PHASES; p++) {
		const struct phase_plan *plan = &engine->placed.plan.phases[p];

		for (uint32_t i = 1; i < plan->n_segments; i++)
			n_cols = MAX(n_cols, engine->graph->values[plan->segments[i].input].n_cols);
	}
	if (engine->n_parts > 1)
		n_boundaries = engine->placed.plan.phases[PHASE_PREFILL].n_segments;
	engine->crossing_floats = (engine->params.n_batch + 1) * n_cols;
	crossing =
		realloc(engine->crossing, n_boundaries * engine->crossing_floats * sizeof(float));
	if (!crossing)
		return log_oom(engine->log, "preparing the plan");
	engine->crossing = crossing;
	return 0;
}

static void destroy_segments(struct engine *engine)
{
	for (uint32_t i = 0; i < engine->n_segments; i++)
		segment_destroy(engine->segments[i].segment);
	memset(engine->segments, 0, sizeof(engine->segments));
	engine->n_segments = 0;
}

void engine_unplace(struct engine *engine)
{
	destroy_segments(engine);
	for (uint32_t i = 0; i < PLAN_DEVICES_MAX; i++)
		release_device(engine, &engine->devices[i]);
}

static bool is_split(const struct engine *engine)
{
	size_t n_bytes = engine->model->n_layers * sizeof(*engine->kv_homes[0]);

	return memcmp(engine->kv_homes[PHASE_PREFILL], engine->kv_homes[PHASE_DECODE], n_bytes) !=
	       0;
}

/* Two devices of the plan that are one piece of silicon do not gain by working at once. */
static bool shares_silicon(const struct engine *engine)
{
	const struct phase_plan *plan = &engine->placed.plan.phases[PHASE_PREFILL];
	unsigned n = 0;

	for (uint32_t i = 0; i < plan->n_segments; i++)
		n += engine->placed.entries[plan->segments[i].device]->is_host_cpu;
	return n > 1;
}

/* An encoder's rows see those behind them: its steps stay whole. */
static uint32_t parts_of(const struct engine *engine)
{
	const struct plan_prediction *prediction = &engine->placed.prediction;
	const struct phase_prediction *prefill = &prediction->phases[PHASE_PREFILL];

	if (engine->model->is_encoder)
		return 1;
	if (engine->params.n_parts > 0)
		return engine->params.n_parts;
	if (!engine->placed.has_prediction || shares_silicon(engine) ||
	    prediction->pipelined_s > 0.95 * prefill->total_s)
		return 1;
	return MIN(MAX(prediction->n_parts, 1u), (uint32_t)ENGINE_PARTS_MAX);
}

/* Prepares the plan there is, with what devices hold already. */
static int carry_out(struct engine *engine, const struct progress *progress)
{
	int r = 0;

	engine->failed = NULL;
	engine->is_ready = false;
	for (int p = 0; p < PHASES && r == 0; p++)
		r = open_devices(engine, &engine->placed.plan.phases[p]);
	if (r == 0)
		r = pack_weights(engine, progress);
	for (int p = 0; p < PHASES && r == 0; p++)
		r = make_route(engine, (enum phase)p);
	if (r < 0)
		return r;
	engine->kv_is_split = is_split(engine);
	engine->n_parts = parts_of(engine);
	r = make_crossings(engine);
	engine->is_ready = r == 0;
	return r;
}

/* ---- failing devices ---- */

static uint64_t retry_ns(const struct engine *engine, uint32_t n_failures)
{
	uint64_t ms = engine->params.retry_ms > 0 ? engine->params.retry_ms : ENGINE_RETRY_MS;

	ms = MIN(ms << MIN(n_failures - 1, 20u), (uint64_t)RETRY_MAX_MS);
	return clock_now_ns() + ms * NS_PER_MS;
}

static void remember_failure(struct engine *engine, const struct device_entry *entry)
{
	struct engine_aside *aside = NULL;

	for (uint32_t i = 0; i < engine->n_asides && !aside; i++) {
		if (engine->asides[i].entry == entry)
			aside = &engine->asides[i];
	}
	if (!aside && engine->n_asides == PLAN_DEVICES_MAX)
		return;
	if (!aside) {
		aside = &engine->asides[engine->n_asides++];
		*aside = (struct engine_aside){.entry = entry};
	}
	/* One that has worked for long begins anew. */
	if (aside->tried_ns > 0 && clock_now_ns() - aside->tried_ns > RETRY_MAX_MS * NS_PER_MS)
		aside->n_failures = 0;
	aside->n_failures++;
	aside->again_ns = retry_ns(engine, aside->n_failures);
}

/* The processor is what is always left; an error that is no device's cannot be helped here. */
static bool set_aside(struct engine *engine, int error, const char *reason)
{
	struct engine_device *failed = engine->failed;
	const struct device_entry *entry = failed ? failed->entry : engine->unmeasurable;

	if (!entry || (error != -ENODEV && error != -EIO && error != -ENOMEM))
		return false;
	if (!device_list_set_aside(engine->device_list, entry, reason))
		return false;
	remember_failure(engine, entry);
	log_warning(engine->log, "%s (%s) is left out: %s; going on with what is left", entry->name,
		    entry->selector, reason);
	destroy_segments(engine);
	if (failed)
		release_device(engine, failed);
	engine->failed = NULL;
	engine->unmeasurable = NULL;
	return true;
}

static int plan_and_carry_out(struct engine *engine, const struct progress *progress)
{
	int r = make_plan(engine, progress);

	if (r == 0)
		r = engine_check_memory(engine);
	return r < 0 ? r : carry_out(engine, progress);
}

/* Did anyone say where the model is to run? */
static bool is_bound(const struct engine *engine)
{
	return selector_of(engine, PHASE_PREFILL) || selector_of(engine, PHASE_DECODE);
}

/* Who asks where a model would run, or names devices, is told by the drivers themselves. */
static int list_devices(struct engine *engine)
{
	const struct engine_params *params = &engine->params;
	int r;

	if (!is_bound(engine) && !params->plan_only && !params->measures)
		return device_list_create_to_choose(engine->cache_dir, engine->log,
						    &engine->device_list);
	r = device_list_create(scope_of(engine), engine->log, &engine->device_list);
	if (r == 0 && device_list_has_hardware(engine->device_list))
		absence_forget(engine->cache_dir);
	return r;
}

int engine_place(struct engine *engine, const struct progress *progress)
{
	int r = list_devices(engine);

	if (r < 0)
		return r;
	do {
		r = choose_entries(engine, engine->log);
		if (r < 0)
			return r;
		if (engine->params.plan_only)
			r = make_plan(engine, progress);
		else
			r = plan_and_carry_out(engine, progress);
	} while (r < 0 && !is_bound(engine) && set_aside(engine, r, "it failed to load the model"));
	return r;
}

/* Those behind PLACE move down by one. */
static void forget_place(struct engine *engine, uint32_t place)
{
	uint32_t below = (1u << place) - 1;

	for (int p = 0; p < PHASES; p++)
		engine->placed.allowed[p] = (engine->placed.allowed[p] & below) |
					    (engine->placed.allowed[p] >> 1 & ~below);
}

/* Of the devices that were wanted, those that are left; where none is, the best there is. */
static int choose_left(struct engine *engine)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < engine->placed.n_entries; i++) {
		if (engine->placed.entries[i]->usable) {
			engine->placed.calibrations[n] = engine->placed.calibrations[i];
			engine->placed.shares[n] = engine->placed.shares[i];
			engine->placed.entries[n++] = engine->placed.entries[i];
		} else {
			forget_place(engine, n);
		}
	}
	engine->placed.n_entries = n;
	for (int p = 0; p < PHASES; p++) {
		int place;

		if (engine->placed.allowed[p])
			continue;
		place = place_of_entry(engine, device_list_default(engine->device_list));
		if (place < 0)
			return -ENODEV;
		engine->placed.allowed[p] = 1u << place;
		engine->placed.shares[place] = 1;
	}
	return 0;
}

bool engine_recover(struct engine *engine, int error)
{
	int r = error;

	while (r < 0 && set_aside(engine, r, "it failed in use")) {
		r = choose_left(engine);
		for (struct session *session = engine->sessions; session; session = session->next)
			session_begin_again(session);
		if (r == 0)
			r = plan_and_carry_out(engine, NULL);
	}
	return r == 0;
}

/* ---- devices that come ---- */

/* ALL: at once, because something changed. */
static bool take_back(struct engine *engine, bool all)
{
	bool any = false;
	uint64_t now;

	if (engine->n_asides == 0)
		return false;
	now = clock_now_ns();
	for (uint32_t i = 0; i < engine->n_asides; i++) {
		struct engine_aside *aside = &engine->asides[i];

		if (aside->again_ns == 0 || (!all && aside->again_ns > now))
			continue;
		aside->again_ns = 0;
		aside->tried_ns = now;
		device_list_take_back(engine->device_list, aside->entry);
		any = true;
	}
	return any;
}

static bool is_same_phase(const struct placement *now, const struct placement *before, int phase)
{
	const struct phase_plan *a = &now->plan.phases[phase], *b = &before->plan.phases[phase];
	bool same = a->n_segments == b->n_segments;

	for (uint32_t i = 0; i < a->n_segments && same; i++) {
		const struct plan_segment *x = &a->segments[i], *y = &b->segments[i];

		same = x->first_op == y->first_op &&
		       now->entries[x->device] == before->entries[y->device];
	}
	return same;
}

/* What no segment of the new plan uses is given back. */
static void release_unused(struct engine *engine)
{
	for (uint32_t i = 0; i < PLAN_DEVICES_MAX; i++) {
		struct engine_device *device = &engine->devices[i];
		bool is_used = false;

		for (uint32_t k = 0; k < engine->n_segments; k++)
			is_used = is_used || engine->segments[k].device == device;
		if (device->entry && !is_used)
			release_device(engine, device);
	}
}

static void move_to_plan(struct engine *engine)
{
	int r;

	for (struct session *session = engine->sessions; session; session = session->next)
		session_begin_again(session);
	destroy_segments(engine);
	r = engine_check_memory(engine);
	if (r == 0)
		r = carry_out(engine, NULL);
	if (r < 0 && !engine_recover(engine, r))
		return; /* the step that follows fails, and says so */
	release_unused(engine);
}

/* Quietly: that a device is still away is nothing new. */
static int plan_anew(struct engine *engine)
{
	int r = choose_entries(engine, NULL);

	return r < 0 ? r : make_plan(engine, NULL);
}

/* A device that cannot be measured now is as one that failed. */
static void set_unmeasurable_aside(struct engine *engine)
{
	if (engine->unmeasurable && device_list_set_aside(engine->device_list, engine->unmeasurable,
							  "it could not be measured"))
		remember_failure(engine, engine->unmeasurable);
	engine->unmeasurable = NULL;
}

void engine_reconsider(struct engine *engine)
{
	bool changed = atomic_exchange(&engine->devices_changed, false);
	struct placement *before;

	if (changed && device_list_refresh(engine->device_list, engine->log) < 0)
		return;
	if (!take_back(engine, changed) && !changed)
		return;
	before = malloc(sizeof(*before));
	if (!before)
		return;
	*before = engine->placed;
	if (plan_anew(engine) < 0) {
		set_unmeasurable_aside(engine);
		engine->placed = *before;
	} else if (!engine->is_ready || !is_same_phase(&engine->placed, before, PHASE_PREFILL) ||
		   !is_same_phase(&engine->placed, before, PHASE_DECODE)) {
		log_info(engine->log, "the devices have changed: going on by another plan");
		move_to_plan(engine);
	}
	free(before);
}
