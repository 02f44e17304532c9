// SPDX-License-Identifier: MIT
/* The front of every device: owns the checking of arguments, so that back ends need none. */
#include <assert.h>
#include <errno.h>
#include <math.h>

#include "array.h"
#include "device.h"

/* Our own callers' mistakes, said by name, so that a release build reports them too. */
#define require(device, condition)                                                               \
	do {                                                                                     \
		if (!(condition))                                                                \
			return log_error((device)->log, EINVAL,                                  \
					 "%s: internal error: not " #condition, (device)->name); \
	} while (0)

int device_open(const struct device_params *params, struct device **ret_device)
{
	const struct device_ops *ops = params->ops;

	assert(ops->open && ops->close && ops->supports && ops->buffer_create &&
	       ops->buffer_destroy && ops->buffer_write && ops->buffer_read &&
	       ops->segment_create && ops->segment_destroy && ops->segment_run && ops->memory_info);
	return ops->open(params, ret_device);
}

void device_close(struct device *device)
{
	if (device)
		device->ops->close(device);
}

bool device_supports(const struct device *device, const struct op *op)
{
	return device->ops->supports(device, op);
}

enum weight_form device_weight_form(const struct device *device)
{
	return device->ops->weight_form;
}

int device_memory_info(struct device *device, struct memory_info *ret_info)
{
	return device->ops->memory_info(device, ret_info);
}

int buffer_create(struct device *device, const struct buffer_params *params,
		  struct buffer **ret_buffer)
{
	require(device, params->size_bytes > 0);
	require(device, !params->read_only || params->initial);
	return device->ops->buffer_create(device, params, ret_buffer);
}

void buffer_destroy(struct buffer *buffer)
{
	if (buffer)
		buffer->device->ops->buffer_destroy(buffer);
}

static bool range_fits(const struct buffer *buffer, size_t offset_bytes, size_t size_bytes)
{
	return offset_bytes <= buffer->size_bytes &&
	       size_bytes <= buffer->size_bytes - offset_bytes;
}

int buffer_write(struct buffer *buffer, size_t offset_bytes, const void *from, size_t size_bytes)
{
	require(buffer->device, range_fits(buffer, offset_bytes, size_bytes));
	return buffer->device->ops->buffer_write(buffer, offset_bytes, from, size_bytes);
}

int buffer_read(struct buffer *buffer, size_t offset_bytes, void *to, size_t size_bytes)
{
	require(buffer->device, range_fits(buffer, offset_bytes, size_bytes));
	return buffer->device->ops->buffer_read(buffer, offset_bytes, to, size_bytes);
}

static bool values_fit(const struct segment_params *params, const int32_t *values, int n)
{
	const struct graph *graph = params->graph;

	for (int i = 0; i < n && values[i] != NO_VALUE; i++) {
		const struct value *value = &graph->values[values[i]];
		uint64_t rows = value->rows == ROWS_TOKENS ? params->max_tokens
							   : params->max_outputs;

		if (!range_fits(params->values, params->value_offsets[values[i]],
				rows * value->n_cols * sizeof(float)))
			return false;
	}
	return true;
}

static int check_segment_op(struct device *device, const struct segment_params *params,
			    const struct op *op)
{
	require(device, device->ops->supports(device, op));
	require(device, values_fit(params, op->in, 3));
	require(device, values_fit(params, op->out, OP_WEIGHTS_MAX));
	require(device, values_fit(params, &op->add, 1));
	for (uint32_t i = 0; i < op->n_weights; i++)
		require(device, params->weights[op->weight[i]->id]);
	if (op->kind == OP_ROPE || op->kind == OP_ATTENTION)
		require(device, params->kv[op->layer]);
	return 0;
}

int segment_create(struct device *device, const struct segment_params *params,
		   struct segment **ret_segment)
{
	struct segment *segment;
	int r = 0;

	require(device, params->n_ops > 0 && params->first_op < params->graph->n_ops &&
				params->n_ops <= params->graph->n_ops - params->first_op);
	require(device, params->max_tokens > 0 && params->max_runs > 0 && params->max_pages > 0);
	for (uint32_t i = 0; i < params->n_ops && r == 0; i++)
		r = check_segment_op(device, params, &params->graph->ops[params->first_op + i]);
	if (r < 0)
		return r;
	r = device->ops->segment_create(device, params, &segment);
	if (r < 0)
		return r;
	segment->device = device;
	segment->max_tokens = params->max_tokens;
	segment->max_outputs = params->max_outputs;
	segment->max_runs = params->max_runs;
	segment->max_pages = params->max_pages;
	segment->n_adapters = params->graph->n_adapters;
	*ret_segment = segment;
	return 0;
}

void segment_destroy(struct segment *segment)
{
	if (segment)
		segment->device->ops->segment_destroy(segment);
}

int segment_run(struct segment *segment, const struct step *step)
{
	require(segment->device, step->n_tokens > 0 && step->n_tokens <= segment->max_tokens);
	require(segment->device, step->n_outputs <= segment->max_outputs);
	require(segment->device, step->n_runs > 0 && step->n_runs <= segment->max_runs);
	require(segment->device, step->page_stride <= segment->max_pages);
	require(segment->device, !step->adapter_scales || segment->n_adapters > 0);
	return segment->device->ops->segment_run(segment, step);
}

uint64_t kv_page_bytes(enum kv_type type, uint32_t n_head_kv, uint32_t head_dim)
{
	uint64_t values = 2 * (uint64_t)KV_PAGE * n_head_kv * head_dim;

	if (type == KV_F16)
		return values * 2;
	return values + 2 * (uint64_t)KV_PAGE * n_head_kv * div_up(head_dim, 32) * 2;
}

/* How much of pair I's angle is left by the scaling of positions. */
static double rope_slowdown(const struct rope *rope, uint32_t i)
{
	double scale = (double)rope->scale, span, kept;

	if (!rope->is_yarn)
		return scale;
	span = fmax(rope->ramp_end - rope->ramp_begin, 0.001);
	kept = 1 - fmin(fmax((i - rope->ramp_begin) / span, 0), 1);
	return scale * (1 - kept) + kept;
}

void rope_frequencies(const struct rope *rope, uint32_t n_ctx, double *ret_frequencies)
{
	const struct vector *factors = rope->long_factors.n > 0 && n_ctx > rope->n_ctx_short
					       ? &rope->long_factors
					       : &rope->factors;

	for (uint32_t i = 0; i < rope->n_dims / 2; i++) {
		double exponent = -2.0 * i / rope->n_dims;
		double factor = factors->n > 0 ? (double)factors->data[i] : 1;

		ret_frequencies[i] =
			pow((double)rope->base, exponent) * rope_slowdown(rope, i) / factor;
	}
}

void rope_table(const struct rope *rope, const double *frequencies, const uint32_t *positions,
		uint32_t n, float *ret_table)
{
	double magnitude = (double)rope->magnitude;

	for (uint32_t t = 0; t < n; t++) {
		for (uint32_t i = 0; i < rope->n_dims / 2; i++, ret_table += 2) {
			double angle = positions[t] * frequencies[i];

			ret_table[0] = (float)(magnitude * cos(angle));
			ret_table[1] = (float)(magnitude * sin(angle));
		}
	}
}
