// SPDX-License-Identifier: MIT
/*
 * Owns where the model runs: the plan, and how engine and sessions come to go by it or by another. A device
 * that fails is set aside and what is left takes over. Refuses to run anything.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "absence.h"
#include "arrival.h"
#include "array.h"
#include "cleanup.h"
#include "clock.h"

enum { RETRY_MAX_MS = 3600 * 1000 };

static const uint64_t NS_PER_MS = 1000000;

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
		if (engine_selector(engine, (enum phase)p))
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

static bool does_weigh(const struct engine *engine)
{
	return !engine->split && has_choice(engine);
}

static int make_plan(struct engine *engine, const struct progress *progress)
{
	bool weighs = does_weigh(engine);
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

/* The place of a device in use, or a free one; NULL: there is neither. */
static struct engine_device *place_of_device(struct engine *engine,
					     const struct device_entry *entry)
{
	struct engine_device *free_place = NULL;

	for (uint32_t i = 0; i < PLAN_DEVICES_MAX; i++) {
		struct engine_device *device = &engine->devices[i];

		if (device->entry == entry)
			return device;
		if (!device->entry && !free_place)
			free_place = device;
	}
	return free_place;
}

/* The device of a plan segment, opened if it is not. */
static int take_device(struct engine *engine, const struct plan_segment *segment,
		       struct engine_device **ret_device)
{
	const struct device_entry *entry = engine->placed.entries[segment->device];
	struct engine_device *device = place_of_device(engine, entry);

	if (!device)
		return -ENOSPC;
	*ret_device = device;
	if (device->entry)
		return 0;
	return blame(engine, device,
		     engine_device_open(engine, entry, kernel_family_of(engine, entry), device));
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

/* ---- segments ---- */

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
		r = blame(engine, device,
			  engine_segment_init(engine, engine->packed, device, segment, ready));
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
		engine_device_finish(engine, &engine->devices[i]);
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

/* The processor is what is always left. */
static bool leave_out(struct engine *engine, const struct device_entry *entry, const char *reason)
{
	if (!device_list_set_aside(engine->device_list, entry, reason))
		return false;
	remember_failure(engine, entry);
	log_warning(engine->log, "%s (%s) is left out: %s; going on with what is left", entry->name,
		    entry->selector, reason);
	return true;
}

/* An error that is no device's cannot be helped here. */
static bool set_aside(struct engine *engine, int error, const char *reason)
{
	struct engine_device *failed = engine->failed;
	const struct device_entry *entry = failed ? failed->entry : engine->unfit;

	if (!entry || (error != -ENODEV && error != -EIO && error != -ENOMEM))
		return false;
	if (!leave_out(engine, entry, reason))
		return false;
	destroy_segments(engine);
	if (failed)
		engine_device_finish(engine, failed);
	engine->failed = NULL;
	engine->unfit = NULL;
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
	return engine_selector(engine, PHASE_PREFILL) || engine_selector(engine, PHASE_DECODE);
}

/* Who asks where a model would run, or names devices, is told by the drivers themselves. */
static int list_devices(struct engine *engine)
{
	const struct engine_params *params = &engine->params;
	int r;

	if (!is_bound(engine) && !params->plan_only && !params->measures)
		return device_list_create_to_choose(engine->cache_dir, engine->log,
						    &engine->device_list);
	r = device_list_create(engine_device_scope(engine), engine->log, &engine->device_list);
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
		r = engine_choose(engine, engine->log);
		if (r < 0)
			return r;
		if (engine->params.plan_only)
			r = make_plan(engine, progress);
		else
			r = plan_and_carry_out(engine, progress);
	} while (r < 0 && !is_bound(engine) && set_aside(engine, r, "it failed to load the model"));
	return r;
}

static void begin_again(struct engine *engine)
{
	for (struct session *session = engine->sessions; session; session = session->next)
		session_begin_again(session);
}

bool engine_recover(struct engine *engine, int error)
{
	int r = error;

	while (r < 0 && set_aside(engine, r, "it failed in use")) {
		r = engine_choose_left(engine);
		begin_again(engine);
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

static bool is_same_plan(const struct engine *engine, const struct placement *before)
{
	return is_same_phase(&engine->placed, before, PHASE_PREFILL) &&
	       is_same_phase(&engine->placed, before, PHASE_DECODE);
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
			engine_device_finish(engine, device);
	}
}

/* ---- what sessions have in the cache ---- */

/* Where decoding has each layer's cache, once all of every session lies there; NULL: it cannot be had. */
static struct engine_device **gather_caches(struct engine *engine)
{
	size_t n_bytes = engine->model->n_layers * sizeof(struct engine_device *);
	struct engine_device **homes = engine->is_ready ? malloc(n_bytes) : NULL;
	int r = homes ? 0 : -ENOMEM;

	for (struct session *session = engine->sessions; session && r == 0; session = session->next)
		r = engine_bring_cache(engine, session, PHASE_DECODE);
	if (r < 0) {
		free(homes);
		return NULL;
	}
	memcpy(homes, engine->kv_homes[PHASE_DECODE], n_bytes);
	return homes;
}

/* A page is the same bytes on every device; where one cannot be had texts are evaluated again. */
static void carry_caches(struct engine *engine, struct engine_device *const *homes)
{
	int r = homes ? 0 : -ENODEV;

	for (struct session *session = engine->sessions; session && r == 0; session = session->next)
		r = engine_carry_cache(engine, session, homes);
	if (r < 0)
		begin_again(engine);
}

/* ---- going by another plan ---- */

/* What ARRIVAL has prepared is the engine's from now on. Each device finds a free place. */
static void adopt(struct engine *engine, struct arrival *arrival)
{
	for (uint32_t i = 0; i < arrival->n_devices; i++) {
		struct engine_device *from = &arrival->devices[i];
		struct engine_device *to = place_of_device(engine, from->entry);

		for (uint32_t k = 0; k < arrival->n_segments; k++) {
			if (arrival->segments[k].device != from)
				continue;
			engine->segments[engine->n_segments] = arrival->segments[k];
			engine->segments[engine->n_segments++].device = to;
		}
		*to = *from;
	}
	arrival->n_segments = arrival->n_devices = 0;
}

/* ARRIVAL: what was prepared for it, or NULL. */
static void move_to_plan(struct engine *engine, struct arrival *arrival)
{
	_cleanup_free_ struct engine_device **homes = gather_caches(engine);
	int r;

	log_info(engine->log, "the devices have changed: going on by another plan");
	destroy_segments(engine);
	if (arrival)
		adopt(engine, arrival);
	r = carry_out(engine, NULL);
	if (r == 0)
		carry_caches(engine, homes);
	else if (!engine_recover(engine, r))
		return; /* the step that follows fails, and says so */
	release_unused(engine);
}

static bool is_in_use(const struct engine *engine, const struct device_entry *entry)
{
	for (uint32_t i = 0; i < PLAN_DEVICES_MAX; i++) {
		if (engine->devices[i].entry == entry)
			return true;
	}
	return false;
}

/* Does the plan need a device that is not in use? Without packed weights there is nothing to give it. */
static bool needs_preparing(const struct engine *engine)
{
	for (int p = 0; p < PHASES; p++) {
		const struct phase_plan *plan = &engine->placed.plan.phases[p];

		for (uint32_t i = 0; i < plan->n_segments; i++) {
			if (!is_in_use(engine, engine->placed.entries[plan->segments[i].device]))
				return engine->packed;
		}
	}
	return false;
}

/* BEFORE: what stays until the other plan is prepared. */
static int begin_to_move(struct engine *engine, const struct placement *before)
{
	int r = engine_check_memory(engine);

	if (r == 0 && engine->is_ready && needs_preparing(engine)) {
		r = arrival_prepare(engine, &engine->arrival);
		engine->placed = *before;
	} else if (r == 0) {
		move_to_plan(engine, NULL);
	}
	return r;
}

/* Quietly: that a device is still away is nothing new. */
static void plan_anew(struct engine *engine)
{
	const struct device_entry *unmeasured = NULL;
	_cleanup_free_ struct placement *before = malloc(sizeof(*before));
	int r;

	if (!before)
		return;
	*before = engine->placed;
	r = engine_choose(engine, NULL);
	/* Where nothing runs there is nothing to hold up. */
	if (r == 0 && engine->is_ready && (does_weigh(engine) || engine->params.measures))
		unmeasured = engine_unmeasured(engine);
	if (unmeasured) {
		engine->placed = *before;
		(void)arrival_measure(engine, unmeasured, &engine->arrival);
		return;
	}
	if (r == 0)
		r = make_plan(engine, NULL);
	if (r == 0 && !(engine->is_ready && is_same_plan(engine, before)))
		r = begin_to_move(engine, before);
	if (r < 0) {
		if (engine->unfit)
			(void)leave_out(engine, engine->unfit, "no plan can be made with it");
		engine->unfit = NULL;
		engine->placed = *before;
	}
}

/* ---- what was done beside the steps ---- */

static bool has_room(const struct engine *engine, uint32_t n_devices)
{
	uint32_t n_free = 0;

	for (uint32_t i = 0; i < PLAN_DEVICES_MAX; i++)
		n_free += engine->devices[i].entry == NULL;
	return n_devices <= n_free;
}

/* Devices may have come, gone and failed since. */
static bool is_still_right(const struct engine *engine, const struct arrival *arrival)
{
	for (uint32_t i = 0; i < arrival->n_devices; i++) {
		if (is_in_use(engine, arrival->devices[i].entry))
			return false;
	}
	for (int p = 0; p < PHASES; p++) {
		const struct phase_plan *plan = &arrival->placed.plan.phases[p];

		for (uint32_t i = 0; i < plan->n_segments; i++) {
			const struct device_entry *entry =
				arrival->placed.entries[plan->segments[i].device];

			if (!entry->usable)
				return false;
		}
	}
	return engine->is_ready;
}

/* True where there is to be another plan, because of what ARRIVAL has learnt or of what has CHANGED. */
static bool take_in(struct engine *engine, struct arrival *arrival, bool changed)
{
	int r = arrival_end(arrival);

	if (r == 0 && !arrival->prepares)
		return engine_keep_figures(engine, arrival->entry, &arrival->calibration) == 0;
	if (r < 0)
		return leave_out(engine, arrival->entry,
				 arrival->prepares ? "it could not be prepared"
						   : "it could not be measured") ||
		       changed;
	if (changed || !is_still_right(engine, arrival))
		return true;
	if (!has_room(engine, arrival->n_devices))
		return false;
	engine->placed = arrival->placed;
	move_to_plan(engine, arrival);
	return false;
}

void engine_end_arrival(struct engine *engine)
{
	if (engine->arrival)
		(void)arrival_end(engine->arrival);
	arrival_destroy(engine->arrival);
	engine->arrival = NULL;
}

void engine_reconsider(struct engine *engine)
{
	struct arrival *arrival = engine->arrival;
	bool changed;

	if (arrival && !arrival_is_done(arrival))
		return;
	changed = atomic_exchange(&engine->devices_changed, false);
	if (changed && device_list_refresh(engine->device_list, engine->log) < 0)
		return;
	changed = take_back(engine, changed) || changed;
	engine->arrival = NULL;
	if (arrival)
		changed = take_in(engine, arrival, changed);
	arrival_destroy(arrival);
	if (changed)
		plan_anew(engine);
}
