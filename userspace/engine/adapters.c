// SPDX-License-Identifier: MIT
/* Owns the adapters of an engine, from their files to what they add together. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "internal.h"

static int open_adapter(struct engine *engine, const struct engine_adapter *wanted)
{
	uint32_t i = engine->n_adapters++;
	int r;

	if (!isfinite(wanted->scale))
		return log_error(engine->log, EINVAL, "the scale of %s is no finite number",
				 wanted->path);
	engine->adapter_scales[i] = wanted->scale;
	r = gguf_open(wanted->path, engine->log, &engine->adapter_files[i]);
	if (r == 0)
		r = adapter_create(engine->adapter_files[i], engine->model, engine->log,
				   &engine->adapters[i]);
	return r;
}

int engine_adapters_open(struct engine *engine, const struct engine_params *params)
{
	int r = 0;

	if (params->n_adapters == 0)
		return 0;
	if (params->n_adapters > ADAPTERS_MAX)
		return log_error(engine->log, EINVAL, "%u adapters are too many: at most %d",
				 params->n_adapters, ADAPTERS_MAX);
	for (uint32_t i = 0; i < params->n_adapters && r == 0; i++)
		r = open_adapter(engine, &params->adapters[i]);
	if (r < 0)
		return r;
	return low_rank_set_create(engine->model, (const struct adapter *const *)engine->adapters,
				   engine->n_adapters, engine->log, &engine->low_rank);
}

void engine_adapters_close(struct engine *engine)
{
	low_rank_set_destroy(engine->low_rank);
	for (uint32_t i = 0; i < engine->n_adapters; i++) {
		adapter_destroy(engine->adapters[i]);
		gguf_close(engine->adapter_files[i]);
	}
}

int engine_adapter_data(struct engine *engine, uint32_t id, enum weight_form form,
			struct buffer_params *params)
{
	uint64_t size_bytes;
	int r;

	(void)pthread_mutex_lock(&engine->adapters_lock);
	r = low_rank_data(engine->low_rank, id,
			  form == WEIGHTS_PACKED ? LOW_RANK_PACKED : LOW_RANK_ROWS, engine->log,
			  &params->initial, &size_bytes);
	(void)pthread_mutex_unlock(&engine->adapters_lock);
	if (r == 0)
		params->size_bytes = size_bytes;
	return r;
}

uint32_t engine_n_adapters(const struct engine *engine)
{
	return engine->n_adapters;
}
