// SPDX-License-Identifier: MIT
/*
 * Owns a device in use: what it holds of weights and caches, and the segments made ready on it. Refuses to
 * know which devices there are, so that one can be prepared beside steps on the others.
 */
#include <stdlib.h>

#include "internal.h"

int engine_device_open(const struct engine *engine, const struct device_entry *entry,
		       const char *kernel_family, struct engine_device *device)
{
	struct device_params params = {
		.ops = entry->ops,
		.driver_data = entry->driver_data,
		.n_threads = engine->params.n_threads,
		.activations = engine->params.activations,
		.kernel_family = kernel_family,
		.cache_dir = engine->cache_dir,
		.cancel = &engine->is_ending,
		.log = engine->log,
	};

	device->entry = entry;
	device->weights = calloc(engine->graph->n_matrices, sizeof(struct buffer *));
	device->kv = calloc(engine->model->n_layers, sizeof(struct buffer *));
	if (!device->weights || !device->kv)
		return log_oom(engine->log, "preparing a device");
	return device_open(&params, &device->device);
}

void engine_device_finish(const struct engine *engine, struct engine_device *device)
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

static int make_weight(struct engine *engine, const struct packed *packed,
		       struct engine_device *device, const struct matrix *matrix)
{
	enum weight_form form = device_weight_form(device->device);
	struct buffer_params params = {.read_only = true};
	int r = 0;

	if (device->weights[matrix->id])
		return 0;
	if (matrix->id >= engine->model->n_matrices) {
		r = engine_adapter_data(engine, matrix->id, form, &params);
	} else if (form == WEIGHTS_PACKED) {
		params.initial = packed_matrix(packed, matrix->id);
		params.size_bytes = packed_bytes_of(matrix);
	} else {
		params.initial = matrix_data(matrix);
		params.size_bytes = matrix_bytes(matrix);
	}
	return r < 0 ? r : buffer_create(device->device, &params, &device->weights[matrix->id]);
}

static int make_cache(const struct engine *engine, struct engine_device *device,
		      const struct op *rope)
{
	struct kv_params kv = engine_kv_params(engine);
	struct buffer_params params = {.size_bytes = engine_layer_kv_bytes(engine, rope, &kv)};

	if (device->kv[rope->layer])
		return 0;
	return buffer_create(device->device, &params, &device->kv[rope->layer]);
}

static int make_buffers(struct engine *engine, const struct packed *packed,
			struct engine_device *device, const struct plan_segment *segment)
{
	struct buffer_params values = {.size_bytes = engine->values_bytes};
	int r = 0;

	for (uint32_t i = 0; i < segment->n_ops && r == 0; i++) {
		const struct op *op = &engine->graph->ops[segment->first_op + i];

		for (uint32_t k = 0; k < op->n_weights && r == 0; k++)
			r = make_weight(engine, packed, device, op->weight[k]);
		if (r == 0 && op->kind == OP_ROPE)
			r = make_cache(engine, device, op);
	}
	if (r == 0 && !device->values)
		r = buffer_create(device->device, &values, &device->values);
	return r;
}

int engine_segment_init(struct engine *engine, const struct packed *packed,
			struct engine_device *device, const struct plan_segment *segment,
			struct engine_segment *ret_segment)
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
	int r = make_buffers(engine, packed, device, segment);

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
