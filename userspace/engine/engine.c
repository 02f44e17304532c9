// SPDX-License-Identifier: MIT
/*
 * Owns the way from a file to segments ready to run, and everything that sessions share. The order:
 * file, model, graph, devices, plan, memory check, packed weights, buffers, segments, vocabulary.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "internal.h"
#include "vocabulary.h"

DEFINE_CLEANUP(struct engine, engine_destroy)

enum {
	BATCH_MAX = 8192,
	OUTPUTS_MAX = 8192,
	MIB = 1 << 20,
};

/* ---- numbers ---- */

static int check_number(const struct engine *engine, const char *what, uint32_t value, uint32_t max)
{
	if (value <= max)
		return 0;
	return log_error(engine->log, EINVAL, "%s of %" PRIu32 " is too much: at most %" PRIu32,
			 what, value, max);
}

/*
 * An encoder sees its texts whole: a step holds the longest, with all of its results. There are no
 * positions beyond those it has learned.
 */
static int fill_encoder_numbers(struct engine *engine)
{
	struct engine_params *params = &engine->params;
	uint32_t most = MIN(engine->model->n_ctx_train, (uint32_t)BATCH_MAX);

	if (params->n_ctx > most)
		return log_error(engine->log, EINVAL,
				 "a context of %" PRIu32
				 " is too much: %s takes texts of at most %" PRIu32 " tokens",
				 params->n_ctx, gguf_name(engine->gguf), most);
	if (params->n_ctx == 0)
		params->n_ctx = most;
	params->n_batch = params->n_outputs = MAX(params->n_ctx, params->n_sessions);
	return 0;
}

static int fill_numbers(struct engine *engine)
{
	struct engine_params *params = &engine->params;
	int r;

	r = check_number(engine, "a context", params->n_ctx, MODEL_CONTEXT_MAX);
	if (r == 0)
		r = check_number(engine, "a batch", params->n_batch, BATCH_MAX);
	if (r == 0)
		r = check_number(engine, "a number of sessions", params->n_sessions,
				 ENGINE_SESSIONS_MAX);
	if (r == 0)
		r = check_number(engine, "a number of outputs", params->n_outputs, OUTPUTS_MAX);
	if (r == 0)
		r = check_number(engine, "a number of parts", params->n_parts, ENGINE_PARTS_MAX);
	if (r == 0 && engine->model->is_encoder)
		r = fill_encoder_numbers(engine);
	if (r < 0)
		return r;
	if (params->n_ctx == 0)
		params->n_ctx = MIN(engine->model->n_ctx_train, (uint32_t)ENGINE_CONTEXT_DEFAULT);
	if (params->n_sessions == 0)
		params->n_sessions = 1;
	if (params->n_batch == 0)
		params->n_batch = ENGINE_BATCH_DEFAULT;
	params->n_batch = MIN(params->n_batch, params->n_ctx);
	params->n_batch = MAX(params->n_batch, params->n_sessions);
	if (params->n_outputs == 0)
		params->n_outputs = params->embeddings ? params->n_batch : params->n_sessions;
	engine->max_pages = (uint32_t)div_up(params->n_ctx, KV_PAGE);
	return 0;
}

/* ---- memory ---- */

struct kv_params engine_kv_params(const struct engine *engine)
{
	return (struct kv_params){
		.n_ctx = engine->params.n_ctx,
		.n_sequences = engine->params.n_sessions,
		.n_batch = engine->params.n_batch,
		.page_cells = KV_PAGE,
		.rewind = SESSION_REWIND,
	};
}

uint64_t engine_layer_kv_bytes(const struct engine *engine, const struct op *rope,
			       const struct kv_params *kv)
{
	return memory_plan_kv_pages(engine->graph, rope->kv_group, kv) *
	       kv_page_bytes(engine->params.kv_type, rope->n_head_kv, rope->head_dim);
}

static uint64_t all_kv_bytes(const struct engine *engine, uint32_t n_ctx)
{
	struct kv_params kv = engine_kv_params(engine);
	uint64_t bytes = 0;

	kv.n_ctx = n_ctx;
	for (uint32_t i = 0; i < engine->graph->n_ops; i++) {
		if (engine->graph->ops[i].kind == OP_ROPE)
			bytes += engine_layer_kv_bytes(engine, &engine->graph->ops[i], &kv);
	}
	return bytes;
}

uint64_t engine_host_available(const struct engine *engine)
{
	struct memory_info info = {0};
	struct device host = {.log = engine->log, .name = "host"};
	const struct device_entry *cpu = &engine->device_list->entries[0];

	return cpu->ops->memory_info(&host, &info) < 0 ? UINT64_MAX : info.available_bytes;
}

static uint32_t context_that_fits(const struct engine *engine, uint64_t room)
{
	uint32_t low = 0, high = engine->model->n_ctx_train;

	while (low < high) {
		uint32_t middle = low + (high - low + 1) / 2;

		if (all_kv_bytes(engine, middle) <= room)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

void engine_memory(const struct engine *engine, struct engine_estimate *ret_estimate)
{
	struct engine_estimate estimate = {
		.weight_bytes = packed_bytes(engine->model),
		.adapter_bytes = engine->low_rank ? low_rank_bytes(engine->low_rank) : 0,
		.kv_bytes = all_kv_bytes(engine, engine->params.n_ctx),
		.value_bytes = engine->values_bytes,
		.available_bytes = engine_host_available(engine),
		.n_ctx = engine->params.n_ctx,
	};
	uint64_t fixed = estimate.weight_bytes + estimate.adapter_bytes + estimate.value_bytes;

	estimate.total_bytes = fixed + estimate.kv_bytes;
	if (fixed < estimate.available_bytes)
		estimate.n_ctx_that_fits =
			context_that_fits(engine, estimate.available_bytes - fixed);
	*ret_estimate = estimate;
}

const struct device_entry *engine_short_device(const struct engine *engine, uint64_t *ret_bytes,
					       uint64_t *ret_available_bytes)
{
	struct plan_prediction memory = {0};
	uint32_t device;

	if (engine->params.ignore_memory || plan_predict_memory(engine->graph, &engine->placed.plan,
								&engine->placed.costs, &memory) < 0)
		return NULL;
	device = memory.short_of;
	if (memory.short_bytes == 0 || device == PLAN_HOST)
		return NULL;
	*ret_bytes = memory.device_bytes[device];
	*ret_available_bytes = engine->placed.devices[device].memory_bytes;
	return engine->placed.entries[device];
}

static int check_devices(struct engine *engine)
{
	uint64_t bytes, available;
	const struct device_entry *entry = engine_short_device(engine, &bytes, &available);

	if (!entry)
		return 0;
	engine->unfit = entry;
	return log_error(
		engine->log, ENOMEM,
		"%s does not fit: its part on %s takes %" PRIu64 " MiB and %" PRIu64
		" MiB can be used there; use a shorter context (--ctx), a smaller model or "
		"more devices",
		gguf_name(engine->gguf), entry->name, bytes / MIB, available / MIB);
}

int engine_check_memory(struct engine *engine)
{
	struct engine_estimate e;
	int r = check_devices(engine);

	if (r < 0)
		return r;
	engine_memory(engine, &e);
	log_info(engine->log,
		 "memory: %" PRIu64 " MiB of weights, %" PRIu64 " MiB of adapters, %" PRIu64
		 " MiB of cache for %" PRIu32 " positions, %" PRIu64 " MiB of values; %" PRIu64
		 " MiB are available",
		 e.weight_bytes / MIB, e.adapter_bytes / MIB, e.kv_bytes / MIB, e.n_ctx,
		 e.value_bytes / MIB, e.available_bytes / MIB);
	if (e.total_bytes <= e.available_bytes || engine->params.ignore_memory)
		return 0;
	if (e.n_ctx_that_fits >= KV_PAGE)
		return log_error(engine->log, ENOMEM,
				 "%s does not fit: it takes %" PRIu64
				 " MiB with a context of %" PRIu32 " and %" PRIu64
				 " MiB are available; --ctx %" PRIu32 " would fit",
				 gguf_name(engine->gguf), e.total_bytes / MIB, e.n_ctx,
				 e.available_bytes / MIB, e.n_ctx_that_fits / KV_PAGE * KV_PAGE);
	return log_error(engine->log, ENOMEM,
			 "%s does not fit: its weights alone take %" PRIu64 " MiB and %" PRIu64
			 " MiB are available; a model of at most %" PRIu64 " MiB would fit",
			 gguf_name(engine->gguf), e.weight_bytes / MIB, e.available_bytes / MIB,
			 e.available_bytes * 9 / 10 / MIB);
}

/* ---- reading and planning ---- */

/* An encoder makes embeddings and nothing else, which who only asks about it need not know. */
static int settle_purpose(struct engine *engine, const struct engine_params *params)
{
	if (!engine->model->is_encoder || params->embeddings)
		return 0;
	engine->params.embeddings = true;
	if (params->plan_only)
		return 0;
	return log_error(engine->log, ENOTSUP,
			 "%s is an encoder, which makes embeddings and no text: use slm embed",
			 gguf_name(engine->gguf));
}

static int read_model(struct engine *engine, const struct engine_params *params)
{
	int r;

	r = gguf_open(params->model_path, engine->log, &engine->gguf);
	if (r == 0)
		r = model_create(engine->gguf, engine->log, &engine->model);
	if (r == 0)
		r = settle_purpose(engine, params);
	if (r == 0)
		r = engine_adapters_open(engine, params);
	if (r == 0)
		r = graph_build_adapted(engine->model,
					engine->params.embeddings ? GRAPH_EMBEDDINGS : GRAPH_LOGITS,
					engine->low_rank, engine->log, &engine->graph);
	if (r == 0)
		r = fill_numbers(engine);
	if (r < 0)
		return r;
	engine->value_offsets = calloc(engine->graph->n_values, sizeof(*engine->value_offsets));
	if (!engine->value_offsets)
		return log_oom(engine->log, "planning the memory");
	engine->values_bytes = memory_plan_values(engine->graph, engine->params.n_batch,
						  engine->params.n_outputs, engine->value_offsets);
	return 0;
}

static int make_pools(struct engine *engine)
{
	struct kv_params kv = engine_kv_params(engine);

	for (uint32_t g = 0; g < engine->graph->n_kv_groups; g++) {
		if (kv_pool_init(&engine->pools[g], memory_plan_kv_pages(engine->graph, g, &kv)) <
		    0)
			return log_oom(engine->log, "preparing the cache");
	}
	if (step_memory_init(engine) < 0)
		return log_oom(engine->log, "preparing steps");
	return 0;
}

/* ---- */

/* Every token the tokenizer gives must have a row of the embedding. */
static int read_vocabulary(struct engine *engine)
{
	uint32_t n_tokens;
	int r;

	r = vocabulary_create(engine->gguf, engine->log, &engine->vocabulary);
	if (r < 0)
		return r;
	n_tokens = tokenizer_n_tokens(vocabulary_tokenizer(engine->vocabulary));
	if (n_tokens <= engine->model->n_vocab)
		return 0;
	return log_error(engine->log, EBADMSG,
			 "%s contradicts itself: %" PRIu32 " tokens and %" PRIu32 " embeddings",
			 gguf_name(engine->gguf), n_tokens, engine->model->n_vocab);
}

static int load(struct engine *engine, const struct engine_params *params)
{
	int r;

	r = read_model(engine, params);
	if (r == 0 && !params->plan_only)
		r = read_vocabulary(engine);
	if (r == 0)
		r = engine_place(engine, params->progress);
	if (r == 0 && !params->plan_only)
		r = make_pools(engine);
	return r;
}

static bool keep_text(const char *text, char **ret_kept)
{
	*ret_kept = text ? strdup(text) : NULL;
	return !text || *ret_kept;
}

static struct engine *new_engine(const struct engine_params *params)
{
	_cleanup_(engine_destroy_p) struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return NULL;
	engine->log = params->log;
	engine->params = *params;
	(void)pthread_mutex_init(&engine->lock, NULL);
	(void)pthread_mutex_init(&engine->adapters_lock, NULL);
	turns_init(&engine->turns);
	if (!keep_text(params->device, &engine->selector) ||
	    !keep_text(params->phase_device[PHASE_PREFILL],
		       &engine->phase_selector[PHASE_PREFILL]) ||
	    !keep_text(params->phase_device[PHASE_DECODE], &engine->phase_selector[PHASE_DECODE]) ||
	    !keep_text(params->split, &engine->split) ||
	    !keep_text(params->cache_dir, &engine->cache_dir))
		return NULL;
	return TAKE(engine);
}

int engine_create(const struct engine_params *params, struct engine **ret_engine)
{
	_cleanup_(engine_destroy_p) struct engine *engine = new_engine(params);
	int r;

	if (!engine)
		return log_oom(params->log, "loading the model");
	r = load(engine, params);
	if (r < 0)
		return r;
	*ret_engine = TAKE(engine);
	return 0;
}

int engine_estimate(const struct engine_params *params, struct engine_estimate *ret_estimate)
{
	_cleanup_(engine_destroy_p) struct engine *engine = new_engine(params);
	int r;

	struct engine_params asked = *params;

	if (!engine)
		return log_oom(params->log, "estimating the model");
	asked.plan_only = true;
	r = read_model(engine, &asked);
	if (r == 0)
		r = device_list_create(DEVICES_NATIVE, engine->log, &engine->device_list);
	if (r < 0)
		return r;
	engine_memory(engine, ret_estimate);
	return 0;
}

void engine_destroy(struct engine *engine)
{
	if (!engine)
		return;
	atomic_store(&engine->is_ending, true);
	engine_end_arrival(engine);
	engine_unplace(engine);
	packed_destroy(engine->packed);
	for (int g = 0; g < KV_GROUPS_MAX; g++)
		kv_pool_finish(&engine->pools[g]);
	step_memory_finish(engine);
	device_list_destroy(engine->device_list);
	vocabulary_destroy(engine->vocabulary);
	free(engine->value_offsets);
	for (int p = 0; p < PHASES; p++) {
		free(engine->kv_homes[p]);
		free(engine->phase_selector[p]);
	}
	free(engine->split);
	free(engine->kv_costs);
	free(engine->figures);
	free(engine->crossing);
	free(engine->selector);
	free(engine->cache_dir);
	graph_destroy(engine->graph);
	engine_adapters_close(engine);
	model_destroy(engine->model);
	gguf_close(engine->gguf);
	turns_finish(&engine->turns);
	(void)pthread_mutex_destroy(&engine->adapters_lock);
	(void)pthread_mutex_destroy(&engine->lock);
	free(engine);
}

const struct model *engine_model(const struct engine *engine)
{
	return engine->model;
}

const struct graph *engine_graph(const struct engine *engine)
{
	return engine->graph;
}

const struct vocabulary *engine_vocabulary(const struct engine *engine)
{
	return engine->vocabulary;
}

const struct plan *engine_plan(const struct engine *engine)
{
	return &engine->placed.plan;
}

const struct plan_device *engine_plan_devices(const struct engine *engine)
{
	return engine->placed.devices;
}

void engine_devices_changed(struct engine *engine)
{
	atomic_store(&engine->devices_changed, true);
}

bool engine_may_change_devices(const struct engine *engine)
{
	return engine->device_list->scope == DEVICES_ALL;
}

const struct partition_params *engine_costs(const struct engine *engine)
{
	return &engine->placed.costs;
}

const struct plan_prediction *engine_prediction(const struct engine *engine)
{
	return engine->placed.has_prediction ? &engine->placed.prediction : NULL;
}

/* Has a segment of decoding before I the device of segment I? */
static bool is_named(const struct engine *engine, uint32_t i)
{
	const struct plan_segment *segments = engine->placed.plan.phases[PHASE_DECODE].segments;

	for (uint32_t k = 0; k < i; k++) {
		if (segments[k].device == segments[i].device)
			return true;
	}
	return false;
}

const char *engine_devices_text(const struct engine *engine,
				char text[static ENGINE_DEVICES_TEXT_MAX])
{
	const struct phase_plan *plan = &engine->placed.plan.phases[PHASE_DECODE];
	size_t n = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < plan->n_segments && n < ENGINE_DEVICES_TEXT_MAX; i++) {
		if (is_named(engine, i))
			continue;
		n += (size_t)snprintf(text + n, ENGINE_DEVICES_TEXT_MAX - n, "%s%s",
				      i > 0 ? "," : "",
				      engine->placed.entries[plan->segments[i].device]->selector);
	}
	return text;
}

uint32_t engine_n_threads(const struct engine *engine)
{
	return engine->params.n_threads > 0 ? engine->params.n_threads : thread_pool_default_size();
}

uint32_t engine_n_ctx(const struct engine *engine)
{
	return engine->params.n_ctx;
}

uint32_t engine_n_batch(const struct engine *engine)
{
	return engine->params.n_batch;
}

bool engine_makes_embeddings(const struct engine *engine)
{
	return engine->params.embeddings;
}

uint32_t engine_n_result(const struct engine *engine)
{
	return engine->graph->values[engine->graph->result].n_cols;
}

const struct log *engine_log(const struct engine *engine)
{
	return engine->log;
}
