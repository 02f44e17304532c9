// SPDX-License-Identifier: MIT
/* Owns slm_engine: the params' way in, what is told about a loaded model. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "library.h"
#include "path.h"

DEFINE_CLEANUP(struct slm_engine, slm_engine_destroy)

_Static_assert((int)SLM_KV_F16 == (int)KV_F16 && (int)SLM_KV_Q8_0 == (int)KV_Q8_0,
	       "types are the same");
_Static_assert((int)SLM_ADAPTERS_MAX == (int)ADAPTERS_MAX, "limits are the same");

#define ENGINE_FLAGS (SLM_ENGINE_IGNORE_MEMORY | SLM_ENGINE_EMBEDDINGS)

/* Engine params with what they point to beyond the caller's. */
struct taken_params {
	struct slm_engine_params caller;
	struct engine_params params;
	struct progress progress;
	struct engine_adapter adapters[SLM_ADAPTERS_MAX];
	char *cache_dir;
};

static void taken_params_finish(struct taken_params *taken)
{
	free(taken->cache_dir);
}

static int report(void *data, const char *doing, uint64_t done, uint64_t total)
{
	const struct slm_engine_params *caller = data;

	return caller->progress(caller->progress_data, doing, done, total);
}

static int check_params(const struct slm_engine_params *caller, const struct log *log)
{
	if (!caller->model_path)
		return log_error(log, EINVAL, "the params name no model");
	if (caller->n_threads > THREAD_POOL_MAX)
		return log_error(log, EINVAL, "%u threads are too many: at most %d",
				 caller->n_threads, THREAD_POOL_MAX);
	if (caller->kv_type > SLM_KV_Q8_0)
		return log_error(log, EINVAL, "the cache has no type %u", caller->kv_type);
	if (caller->flags & ~ENGINE_FLAGS)
		return log_error(log, EINVAL, "there is no engine flag %#x",
				 caller->flags & ~ENGINE_FLAGS);
	return 0;
}

static int take_adapters(struct taken_params *taken, const struct log *log)
{
	const struct slm_engine_params *caller = &taken->caller;

	if (caller->n_adapters > SLM_ADAPTERS_MAX)
		return log_error(log, EINVAL, "%zu adapters are too many: at most %d",
				 caller->n_adapters, SLM_ADAPTERS_MAX);
	if (caller->n_adapters > 0 && !caller->adapters)
		return log_error(log, EINVAL, "%zu adapters are announced and none is there",
				 caller->n_adapters);
	for (size_t i = 0; i < caller->n_adapters; i++) {
		const struct slm_adapter *adapter = &caller->adapters[i];

		if (!adapter->path || adapter->reserved != 0)
			return log_error(log, EINVAL,
					 "adapter %zu has no path or sets what is "
					 "reserved",
					 i);
		taken->adapters[i] = (struct engine_adapter){adapter->path, adapter->scale};
	}
	return 0;
}

static int choose_cache_dir(struct taken_params *taken, const struct log *log)
{
	const char *wanted = taken->caller.cache_dir;
	int r = 0;

	if (!wanted)
		r = path_cache_dir(&taken->cache_dir);
	else if (*wanted && !(taken->cache_dir = strdup(wanted)))
		r = -ENOMEM;
	return r == -ENOMEM ? log_oom(log, "choosing the cache folder") : 0;
}

/* TAKEN stays where it is until it is finished. */
static int take_params(struct taken_params *taken, const struct log *log)
{
	const struct slm_engine_params *caller = &taken->caller;
	int r = check_params(caller, log);

	if (r == 0)
		r = take_adapters(taken, log);
	if (r == 0)
		r = choose_cache_dir(taken, log);
	if (r < 0)
		return r;
	taken->progress = (struct progress){report, &taken->caller};
	taken->params = (struct engine_params){
		.model_path = caller->model_path,
		.device = caller->device,
		.n_threads = caller->n_threads,
		.n_ctx = caller->n_ctx,
		.n_sessions = caller->n_sessions,
		.n_batch = caller->n_batch,
		.kv_type = (enum kv_type)caller->kv_type,
		.adapters = taken->adapters,
		.n_adapters = (uint32_t)caller->n_adapters,
		.cache_dir = taken->cache_dir,
		.ignore_memory = caller->flags & SLM_ENGINE_IGNORE_MEMORY,
		.embeddings = caller->flags & SLM_ENGINE_EMBEDDINGS,
		.progress = caller->progress ? &taken->progress : NULL,
		.log = log,
	};
	return 0;
}

static char *copy_name(const struct engine *engine)
{
	const struct gguf_value *value = gguf_find(engine_model(engine)->gguf, "general.name");

	if (!value || value->type != GGUF_STRING)
		return strdup("");
	return strndup((const char *)value->data, value->size_bytes);
}

int slm_engine_create(const struct slm_engine_params *params, struct slm_engine **ret_engine)
{
	_cleanup_(slm_engine_destroy_p) struct slm_engine *engine = calloc(1, sizeof(*engine));
	struct taken_params taken __attribute__((cleanup(taken_params_finish))) = {0};
	int r;

	if (!engine)
		return -ENOMEM;
	r = struct_take(&taken.caller, sizeof(taken.caller), params, NULL);
	if (r < 0)
		return r;
	caller_log_init(&engine->log, &taken.caller.log);
	r = take_params(&taken, &engine->log.log);
	if (r == 0)
		r = engine_create(&taken.params, &engine->engine);
	if (r < 0)
		return r;
	engine->name = copy_name(engine->engine);
	if (!engine->name)
		return log_oom(&engine->log.log, "loading the model");
	(void)engine_devices_text(engine->engine, engine->devices);
	*ret_engine = TAKE(engine);
	return 0;
}

void slm_engine_destroy(struct slm_engine *engine)
{
	if (!engine)
		return;
	engine_destroy(engine->engine);
	free(engine->name);
	free(engine);
}

int slm_estimate(const struct slm_engine_params *params, struct slm_estimate *ret_estimate)
{
	struct taken_params taken __attribute__((cleanup(taken_params_finish))) = {0};
	struct engine_estimate estimate;
	struct caller_log log;
	int r;

	r = struct_take(&taken.caller, sizeof(taken.caller), params, NULL);
	if (r < 0)
		return r;
	caller_log_init(&log, &taken.caller.log);
	r = take_params(&taken, &log.log);
	if (r == 0)
		r = engine_estimate(&taken.params, &estimate);
	if (r < 0)
		return r;
	return struct_give(ret_estimate,
			   &(struct slm_estimate){
				   .weight_bytes = estimate.weight_bytes,
				   .kv_bytes = estimate.kv_bytes,
				   .value_bytes = estimate.value_bytes,
				   .total_bytes = estimate.total_bytes,
				   .available_bytes = estimate.available_bytes,
				   .n_ctx = estimate.n_ctx,
				   .n_ctx_that_fits = estimate.n_ctx_that_fits,
				   .adapter_bytes = estimate.adapter_bytes,
			   },
			   sizeof(*ret_estimate));
}

int slm_engine_info(const struct slm_engine *engine, struct slm_engine_info *ret_info)
{
	const struct model *model = engine_model(engine->engine);
	const struct vocabulary *vocabulary = engine_vocabulary(engine->engine);
	const struct tokenizer *tokenizer = vocabulary_tokenizer(vocabulary);

	return struct_give(ret_info,
			   &(struct slm_engine_info){
				   .architecture = model->arch,
				   .name = engine->name,
				   .devices = engine->devices,
				   .n_parameters = model->n_parameters,
				   .n_vocab = model->n_vocab,
				   .n_ctx = engine_n_ctx(engine->engine),
				   .n_ctx_train = model->n_ctx_train,
				   .n_embd = model->n_embd,
				   .n_layers = model->n_layers,
				   .n_batch = engine_n_batch(engine->engine),
				   .bos_token = tokenizer_role(tokenizer, TOKEN_BOS),
				   .eos_token = tokenizer_role(tokenizer, TOKEN_EOS),
				   .has_chat_template =
					   vocabulary_chat_template(vocabulary, NULL).size > 0,
			   },
			   sizeof(*ret_info));
}

const char *slm_version(void)
{
	return SLM_LIBRARY_VERSION;
}
