// SPDX-License-Identifier: MIT
/*
 * Owns what is measured, in which order, and how times become rates. Refuses to know how a device
 * computes: it sees what an engine sees.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "array.h"
#include "calibration_file.h"
#include "cleanup.h"
#include "probe.h"

enum {
	/* More than caches hold: what a step reads of weights, or of the cache of a long text, comes from memory. */
	READ_BYTES = 96 << 20,
	MEMORY_PART = 4, /* of what the device has free, one in so many */
	LAYERS_MIN = 2,
	LAYERS_MAX = 64,
	FRAME_LAYERS = 24,
	ROWS_FIRST = 16,   /* of which the time says how many rows can be afforded */
	ROWS_DEEP_MIN = 4, /* attention is slower than matrices by a factor nobody knows */
	ROWS_MAX = 512,
	POSITIONS_MIN = 1024,
	POSITIONS_MAX = 4096,
	DEPTH_MANY = 512,
	LINK_SMALL_BYTES = 4096,
	SOLVE_ROUNDS = 3,
	PASSES = 2,
	ATTEMPTS = 3,
};

/* The layers of a model of some hundred million parameters. */
static const struct probe_shape layer_shape = {
	.n_embd = 768,
	.n_ff = 2048,
	.max_tokens = ROWS_MAX,
	.max_positions = ROWS_MAX,
};

/* Little work, all kinds of ops, and the heads of such a model. */
static const struct probe_shape frame_shape = {
	.n_embd = 256,
	.n_ff = 256,
	.n_head = 12,
	.n_head_kv = 4,
	.head_dim = 64,
	.max_tokens = ROWS_MAX,
	.n_layers = FRAME_LAYERS,
};

/* One row through one layer: a device that takes longer is of no use. */
static const double layer_max_s = 1;
/* Steps of many rows are made so large that they take about that. */
static const double step_wanted_s = 0.04;
/* A device that takes longer for one row through one layer is slow: it is measured with less, and once. */
static const double layer_slow_s = 0.003;

struct timing {
	double seconds;
	struct probe_work work;
};

struct type_timings {
	struct timing one, many;
	struct timing cached; /* one row through one layer, again and again */
	uint32_t n_rows;      /* that are many; 0: not known yet */
	bool is_slow;
};

struct frame_timings {
	struct timing first, whole, deep, many, many_deep;
	double small_s, large_s; /* transfers */
	uint32_t n_rows, depth;	 /* of many, of deep */
	bool is_slow;		 /* the device: deep is of the first layer then */
};

struct calibrator {
	const struct calibrate_params *params;
	const struct log *log; /* of the devices that are opened */
	struct calibration calibration;
	uint64_t n_done, n_total; /* of what is measured */
};

static void device_close_p(struct device **device)
{
	device_close(*device);
}

DEFINE_CLEANUP(struct probe, probe_destroy)

uint64_t calibrate_types(const struct graph *graph)
{
	uint64_t types = 0;

	for (uint32_t i = 0; i < graph->n_ops; i++) {
		const struct op *op = &graph->ops[i];

		for (uint32_t k = 0;
		     op->kind != OP_EMBED && op->when != WHEN_ADAPTED && k < op->n_weights; k++)
			types |= UINT64_C(1) << op->weight[k]->type;
	}
	return types;
}

/* ---- timing ---- */

/* The better of what was there and of this time. */
static int time_step(struct probe *probe, const struct probe_step *step, struct timing *timing)
{
	double seconds;
	int r = probe_run(probe, step, &seconds);

	if (r < 0)
		return r;
	timing->work = probe_work(probe, step);
	if (timing->seconds == 0 || seconds < timing->seconds)
		timing->seconds = seconds;
	log_debug(probe_log(probe),
		  "%.0f ops of %u rows at depth %u, %.3g bytes, %.3g multiply-adds, %.3g of "
		  "attention, %.3g bytes of values: %.1f us",
		  timing->work.n_ops, step->n_tokens, step->depth, timing->work.weight_bytes,
		  timing->work.macs, timing->work.attention_macs, timing->work.value_bytes,
		  seconds * 1e6);
	return 0;
}

/* The second time: the first may have prepared the kernels. */
static int time_twice(struct probe *probe, const struct probe_step *step, double *ret_seconds)
{
	int r = probe_run_once(probe, step, ret_seconds);

	return r < 0 ? r : probe_run_once(probe, step, ret_seconds);
}

/*
 * As many rows as fit into the time that a step may take at DEPTH. Fewer than ROWS_FIRST would take as long
 * as the weights do, and tell nothing of multiply-adds; a frame's weights are next to none.
 */
static int find_rows(struct probe *probe, uint32_t depth, uint32_t *n_rows)
{
	struct probe_step step = {.n_tokens = ROWS_FIRST, .depth = depth, .first_only = true};
	double seconds;
	int r = *n_rows > 0 ? 0 : time_twice(probe, &step, &seconds);

	if (r < 0 || *n_rows > 0)
		return r;
	while (step.n_tokens < ROWS_MAX && seconds < step_wanted_s / 2) {
		step.n_tokens *= 2;
		seconds *= 2;
	}
	while (depth > 0 && step.n_tokens > ROWS_DEEP_MIN && seconds > step_wanted_s) {
		step.n_tokens /= 2;
		seconds /= 2;
	}
	*n_rows = step.n_tokens;
	return 0;
}

static int time_many(struct probe *probe, uint32_t n_rows, uint32_t depth, struct timing *timing)
{
	const struct probe_step step = {.n_tokens = n_rows, .depth = depth, .first_only = true};

	return time_step(probe, &step, timing);
}

static int time_one(struct calibrator *calibrator, struct probe *probe,
		    struct type_timings *timings)
{
	struct probe_step step = {.n_tokens = 1, .first_only = true};
	double seconds;
	int r = time_twice(probe, &step, &seconds);

	if (r < 0)
		return r;
	if (seconds > layer_max_s)
		return log_error(calibrator->log, EIO,
				 "%s takes %.1f s for one layer of a small model: it is too slow "
				 "to be measured, and to be used",
				 calibrator->params->entry->selector, seconds);
	r = time_step(probe, &step, &timings->cached);
	if (r < 0)
		return r;
	timings->is_slow = timings->cached.seconds > layer_slow_s;
	if (timings->is_slow) {
		timings->one = timings->cached;
		return 0;
	}
	step.first_only = false;
	return time_step(probe, &step, &timings->one);
}

/* Noise comes in bursts; a slow device has had time for it. */
static bool is_pass(int i, bool is_slow)
{
	return i < (is_slow ? 1 : PASSES);
}

static int time_layers(struct calibrator *calibrator, struct probe *probe,
		       struct type_timings *timings)
{
	int r = 0;

	for (int i = 0; is_pass(i, timings->is_slow) && r == 0; i++) {
		r = time_one(calibrator, probe, timings);
		if (r == 0)
			r = find_rows(probe, 0, &timings->n_rows);
		if (r == 0)
			r = time_many(probe, timings->n_rows, 0, &timings->many);
	}
	return r;
}

static uint64_t bytes_to_read(struct device *device)
{
	struct memory_info memory = {0};

	if (device_memory_info(device, &memory) < 0)
		return READ_BYTES;
	return MIN((uint64_t)READ_BYTES, memory.available_bytes / MEMORY_PART);
}

static uint32_t layers_of(struct device *device, const struct probe_shape *shape)
{
	uint64_t n = bytes_to_read(device) / probe_layer_bytes(shape, device_weight_form(device));

	return (uint32_t)MIN(MAX(n, (uint64_t)LAYERS_MIN), (uint64_t)LAYERS_MAX);
}

static uint32_t positions_of(struct device *device, const struct probe_shape *shape)
{
	size_t page_bytes = kv_page_bytes(KV_F16, shape->n_head_kv, shape->head_dim);
	uint64_t n = bytes_to_read(device) / (page_bytes * shape->n_layers) * KV_PAGE;

	return (uint32_t)MIN(MAX(n, (uint64_t)POSITIONS_MIN), (uint64_t)POSITIONS_MAX);
}

/* What is measured again was not foreseen in the total. */
static int report(struct calibrator *calibrator, const char *what)
{
	uint64_t done = MIN(calibrator->n_done, calibrator->n_total - 1);
	char doing[128];

	calibrator->n_done++;
	(void)snprintf(doing, sizeof(doing), "measuring %s, %" PRIu64 " of %" PRIu64 ": %s",
		       calibrator->params->entry->selector, done + 1, calibrator->n_total, what);
	return progress_report(calibrator->params->progress, doing, done, calibrator->n_total);
}

static int create_probe(const struct calibrator *calibrator, struct device *device,
			const struct probe_shape *shape, struct probe **ret_probe)
{
	const struct probe_pace pace = {calibrator->params->turns, calibrator->params->cancel};

	return probe_create(device, shape, &pace, ret_probe);
}

static int measure_type(struct calibrator *calibrator, struct device *device, enum tensor_type type,
			struct type_timings *ret)
{
	_cleanup_(probe_destroy_p) struct probe *probe = NULL;
	struct probe_shape shape = layer_shape;
	int r = report(calibrator, tensor_type_info(type)->name);

	if (r < 0)
		return r;
	*ret = (struct type_timings){0};
	shape.type = type;
	shape.n_layers = layers_of(device, &shape);
	r = create_probe(calibrator, device, &shape, &probe);
	return r < 0 ? r : time_layers(calibrator, probe, ret);
}

static int time_transfers(struct probe *probe, struct frame_timings *frame)
{
	int r = probe_transfer(probe, LINK_SMALL_BYTES, &frame->small_s);

	return r < 0 ? r : probe_transfer(probe, PROBE_LINK_BYTES, &frame->large_s);
}

static int time_frame(struct probe *probe, struct frame_timings *frame)
{
	const struct probe_step whole = {.n_tokens = 1};
	const struct probe_step first = {.n_tokens = 1, .first_only = true};
	const struct probe_step deep = {
		.n_tokens = 1, .depth = frame->depth, .first_only = frame->is_slow};
	int r = 0;

	for (int i = 0; is_pass(i, frame->is_slow) && r == 0; i++) {
		r = time_step(probe, &whole, &frame->whole);
		if (r == 0)
			r = time_step(probe, &first, &frame->first);
		if (r == 0)
			r = time_step(probe, &deep, &frame->deep);
		if (r == 0)
			r = find_rows(probe, DEPTH_MANY, &frame->n_rows);
		if (r == 0)
			r = time_many(probe, frame->n_rows, 0, &frame->many);
		if (r == 0)
			r = time_many(probe, frame->n_rows, DEPTH_MANY, &frame->many_deep);
	}
	return r < 0 ? r : time_transfers(probe, frame);
}

static int measure_frame(struct calibrator *calibrator, struct device *device,
			 enum tensor_type type, bool is_slow, struct frame_timings *ret)
{
	_cleanup_(probe_destroy_p) struct probe *probe = NULL;
	struct probe_shape shape = frame_shape;
	int r = report(calibrator, "launches, link");

	if (r < 0)
		return r;
	shape.type = type;
	shape.max_positions = positions_of(device, &shape);
	*ret = (struct frame_timings){.is_slow = is_slow, .depth = shape.max_positions - KV_PAGE};
	r = create_probe(calibrator, device, &shape, &probe);
	return r < 0 ? r : time_frame(probe, ret);
}

/* ---- from times to rates ---- */

/* What is left of a run for its ops' work. */
static double work_seconds(const struct device_rates *rates, const struct timing *timing)
{
	return timing->seconds - rates->run_s - rates->link_s -
	       timing->work.n_ops * rates->launch_s;
}

static void solve_link(struct device_rates *rates, const struct frame_timings *frame)
{
	double more = frame->large_s - frame->small_s;

	rates->link_bytes_s = (PROBE_LINK_BYTES - LINK_SMALL_BYTES) / more;
	rates->link_s = fmax(frame->small_s - LINK_SMALL_BYTES / rates->link_bytes_s, 0);
}

/* One row's time without what is known of it. */
static double unknown_seconds(const struct device_rates *rates, const struct timing *timing)
{
	double seconds = timing->seconds;

	if (rates->values_bytes_s > 0)
		seconds -= timing->work.value_bytes / rates->values_bytes_s;
	if (rates->attention_one_macs_s > 0)
		seconds -= timing->work.attention_macs / rates->attention_one_macs_s;
	return seconds;
}

/*
 * Three equations for the cost of a run, of a launch and of a byte in a cache: few small layers, many
 * small layers, one large layer. The frame's layers are so small that their bytes come from a cache.
 */
static void solve_one(struct device_rates *rates, const struct frame_timings *frame,
		      const struct timing *large)
{
	const struct timing *first = &frame->first, *whole = &frame->whole;
	double ops = whole->work.n_ops - first->work.n_ops;
	double bytes = whole->work.weight_bytes - first->work.weight_bytes;
	double first_s = unknown_seconds(rates, first);
	double seconds = unknown_seconds(rates, whole) - first_s;
	double large_ops = large->work.n_ops - first->work.n_ops;
	double large_bytes = large->work.weight_bytes - first->work.weight_bytes;
	double large_s = unknown_seconds(rates, large) - first_s;
	double byte_s = fmax(
		(large_s * ops - large_ops * seconds) / (large_bytes * ops - large_ops * bytes), 0);

	/* No launch takes longer than the ops of a run do. */
	rates->launch_s =
		fmin(fmax(seconds - bytes * byte_s, 0) / ops, large->seconds / large->work.n_ops);
	rates->run_s = fmax(first_s - rates->link_s - first->work.n_ops * rates->launch_s -
				    first->work.weight_bytes * byte_s,
			    0);
}

/*
 * A matrix of many rows costs its multiply-adds, and its inputs and outputs on their own: wide and
 * narrow layers together tell the two apart.
 */
static void solve_values(struct device_rates *rates, const struct frame_timings *frame,
			 const struct timing *wide)
{
	const struct probe_work *n = &frame->many.work, *w = &wide->work;
	double narrow_s, wide_s = work_seconds(rates, wide), value_s;

	rates->attention_many_macs_s = (frame->many_deep.work.attention_macs - n->attention_macs) /
				       (frame->many_deep.seconds - frame->many.seconds);
	narrow_s = work_seconds(rates, &frame->many) -
		   n->attention_macs / rates->attention_many_macs_s;
	value_s = (w->macs * narrow_s - n->macs * wide_s) /
		  (w->macs * n->value_bytes - n->macs * w->value_bytes);
	rates->values_bytes_s = value_s > 0 ? 1 / value_s : 0;
}

/* The time of matrices alone: at least a tenth of it, where noise says less. */
static double matrix_seconds(const struct device_rates *rates, const struct timing *timing)
{
	double rest = work_seconds(rates, timing);

	if (rates->values_bytes_s > 0)
		rest -= timing->work.value_bytes / rates->values_bytes_s;
	return fmax(rest, timing->seconds / 10);
}

static void solve_type(struct device_rates *rates, enum tensor_type type,
		       const struct type_timings *timings)
{
	const struct timing *one = &timings->one, *many = &timings->many;

	rates->weights_bytes_s[type] = one->work.weight_bytes / matrix_seconds(rates, one);
	rates->macs_s[type] = many->work.macs / matrix_seconds(rates, many);
}

/* Launches count in the time of values and the other way round: each round knows both better. */
static void solve_frame(struct device_rates *rates, const struct frame_timings *frame,
			const struct type_timings *timings)
{
	const struct timing *shallow = frame->is_slow ? &frame->first : &frame->whole;

	solve_link(rates, frame);
	rates->attention_one_macs_s =
		(frame->deep.work.attention_macs - shallow->work.attention_macs) /
		(frame->deep.seconds - shallow->seconds);
	for (int i = 0; i < SOLVE_ROUNDS; i++) {
		solve_one(rates, frame, &timings->cached);
		solve_values(rates, frame, &timings->many);
	}
}

/* Launches that take longer than a run of them did: noise has had the upper hand. */
static bool is_noise(const struct device_rates *rates, const struct timing *one)
{
	return rates->run_s + rates->link_s + one->work.n_ops * rates->launch_s > one->seconds;
}

/* ---- the device ---- */

static int open_device(const struct calibrator *calibrator, const char *kernel_family,
		       struct device **ret_device)
{
	const struct calibrate_params *params = calibrator->params;
	const struct device_params device_params = {
		.ops = params->entry->ops,
		.driver_data = params->entry->driver_data,
		.n_threads = params->n_threads,
		.kernel_family = kernel_family,
		.cache_dir = params->cache_dir,
		.cancel = params->cancel,
		.log = calibrator->log,
	};

	return device_open(&device_params, ret_device);
}

static int measure_family(struct calibrator *calibrator, const char *family, enum tensor_type type,
			  struct type_timings *ret)
{
	_cleanup_(device_close_p) struct device *device = NULL;
	int r = open_device(calibrator, family, &device);

	return r < 0 ? r : measure_type(calibrator, device, type, ret);
}

/* A family that does not work is no failure while another does. */
static void demote(void *data, enum log_level level, const char *text)
{
	log_message(data, level < LOG_LEVEL_NOTICE ? LOG_LEVEL_DEBUG : level, "%s", text);
}

/* Decoding and prefilling count alike. */
static double slowness(const struct type_timings *timings)
{
	return timings->one.seconds / timings->one.work.macs * timings->many.seconds /
	       timings->many.work.macs;
}

static int choose_family(struct calibrator *calibrator, enum tensor_type type,
			 struct type_timings *ret)
{
	const char *const *families = calibrator->params->entry->kernel_families;
	const struct log quiet = {demote, (void *)calibrator->params->log, LOG_LEVEL_DEBUG};
	struct type_timings timings;
	double best = INFINITY;
	int r = 0;

	for (size_t i = 0; families[i]; i++) {
		calibrator->log = &quiet;
		r = measure_family(calibrator, families[i], type, &timings);
		calibrator->log = calibrator->params->log;
		if (r == -ECANCELED)
			return r;
		log_info(calibrator->log, "%s: %s kernels %s", calibrator->params->entry->selector,
			 families[i], r < 0 ? "do not work" : "measured");
		if (r < 0 || slowness(&timings) >= best)
			continue;
		best = slowness(&timings);
		*ret = timings;
		(void)snprintf(calibrator->calibration.kernel_family, KERNEL_FAMILY_MAX, "%s",
			       families[i]);
	}
	if (isfinite(best))
		return 0;
	return log_error(calibrator->log, -r,
			 "%s cannot be measured: none of its kernels works (-vv shows what its "
			 "driver says)",
			 calibrator->params->entry->selector);
}

/* Everything that is not of one type; with TYPE, the first that is wanted. */
static int measure_base(struct calibrator *calibrator, enum tensor_type type)
{
	bool chooses = calibrator->params->entry->kernel_families;
	_cleanup_(device_close_p) struct device *device = NULL;
	struct calibration *calibration = &calibrator->calibration;
	struct type_timings timings;
	struct frame_timings frame;
	int r = chooses ? choose_family(calibrator, type, &timings) : 0;

	if (r == 0)
		r = open_device(calibrator, calibration->kernel_family, &device);
	if (r == 0 && !chooses)
		r = measure_type(calibrator, device, type, &timings);
	if (r == 0)
		r = measure_frame(calibrator, device, type, timings.is_slow, &frame);
	if (r < 0)
		return r;
	calibration->rates = (struct device_rates){0};
	solve_frame(&calibration->rates, &frame, &timings);
	solve_type(&calibration->rates, type, &timings);
	calibration->types = UINT64_C(1) << type;
	calibration->is_rough = is_noise(&calibration->rates, &timings.one);
	return 0;
}

/* What noise has spoilt is measured once more. */
static int measure_base_well(struct calibrator *calibrator, enum tensor_type type)
{
	int r = 0;

	for (int i = 0; i < ATTEMPTS && r == 0; i++) {
		r = measure_base(calibrator, type);
		if (r == 0 && calibration_is_sane(&calibrator->calibration) &&
		    !calibrator->calibration.is_rough)
			return 0;
	}
	if (r < 0 || calibration_is_sane(&calibrator->calibration))
		return r;
	return log_error(calibrator->log, EIO,
			 "what was measured of %s cannot be: the device or its driver is broken, "
			 "or the machine is very busy",
			 calibrator->params->entry->selector);
}

static int measure_rest(struct calibrator *calibrator, uint64_t types)
{
	struct calibration *calibration = &calibrator->calibration;
	_cleanup_(device_close_p) struct device *device = NULL;
	struct type_timings timings;
	int r = types ? open_device(calibrator, calibration->kernel_family, &device) : 0;

	for (unsigned i = 0; i < TENSOR_TYPE_IDS && r == 0; i++) {
		if (!(types & UINT64_C(1) << i))
			continue;
		r = measure_type(calibrator, device, (enum tensor_type)i, &timings);
		if (r == -ENOTSUP) {
			r = 0;
			continue;
		}
		if (r < 0)
			break;
		solve_type(&calibration->rates, (enum tensor_type)i, &timings);
		calibration->types |= UINT64_C(1) << i;
		calibration->is_rough = calibration->is_rough ||
					is_noise(&calibration->rates, &timings.one);
	}
	if (r == 0 && !calibration_is_sane(calibration))
		return log_error(calibrator->log, EIO,
				 "what was measured of %s cannot be: the device or its driver is "
				 "broken",
				 calibrator->params->entry->selector);
	return r;
}

/* The type by which kernels are compared: the commonest that are wanted anyway, else any. */
static enum tensor_type base_type(uint64_t types)
{
	static const enum tensor_type common[] = {TENSOR_Q4_0, TENSOR_Q8_0, TENSOR_Q4_K};

	for (size_t i = 0; i < ARRAY_SIZE(common); i++) {
		if (types & UINT64_C(1) << common[i])
			return common[i];
	}
	return (enum tensor_type)__builtin_ctzll(types);
}

static uint64_t count_types(uint64_t types)
{
	return (uint64_t)__builtin_popcountll(types);
}

static int measure(struct calibrator *calibrator, uint64_t missing)
{
	const char *const *families = calibrator->params->entry->kernel_families;
	int r = 0;

	calibrator->n_total = count_types(missing);
	if (calibrator->calibration.types == 0) {
		enum tensor_type type = base_type(missing);

		calibrator->n_total++;
		for (size_t i = 1; families && families[i]; i++)
			calibrator->n_total++;
		r = measure_base_well(calibrator, type);
		missing &= ~(UINT64_C(1) << type);
	}
	if (r == 0)
		r = measure_rest(calibrator, missing);
	if (r < 0)
		return r;
	calibrator->calibration.is_kept = false;
	calibrator->calibration.measured_s = (int64_t)time(NULL);
	if (calibrator->calibration.is_rough)
		log_warning(
			calibrator->log,
			"what was measured of %s is rough, because the machine is busy; it is not "
			"kept",
			calibrator->params->entry->selector);
	else
		calibration_file_write(calibrator->params, &calibrator->calibration);
	return progress_report(calibrator->params->progress, "measured", calibrator->n_total,
			       calibrator->n_total);
}

int calibrate(const struct calibrate_params *params, struct calibration *ret_calibration)
{
	struct calibrator calibrator = {.params = params, .log = params->log};
	uint64_t missing;
	int r = params->anew ? -ENOENT : calibration_file_read(params, &calibrator.calibration);

	if (r < 0 && r != -ENOENT)
		return r;
	missing = params->types & ~calibrator.calibration.types;
	r = missing ? measure(&calibrator, missing) : 0;
	if (r < 0)
		return r;
	*ret_calibration = calibrator.calibration;
	return 0;
}

int calibrate_read(const struct calibrate_params *params, struct calibration *ret_calibration)
{
	return calibration_file_read(params, ret_calibration);
}
