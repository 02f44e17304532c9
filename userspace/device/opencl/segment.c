// SPDX-License-Identifier: MIT
/* Owns a segment's life and its run: one write of what the step brings, then the launches in order. */
#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"
#include "segment.h"

enum {
	/* Drivers of real GPUs begin work when told to; PoCL begins at once. */
	FLUSH_EVERY = 32,
};

static void release_memory(cl_mem memory)
{
	if (memory)
		(void)clReleaseMemObject(memory);
}

static void release_objects(struct opencl_segment *segment)
{
	for (size_t i = 0; i < segment->n_launches; i++) {
		if (segment->launches[i].many != segment->launches[i].one)
			(void)clReleaseKernel(segment->launches[i].many);
		(void)clReleaseKernel(segment->launches[i].one);
	}
	if (segment->step_written)
		(void)clReleaseEvent(segment->step_written);
	release_memory(segment->step);
	release_memory(segment->vectors);
	release_memory(segment->codes);
	release_memory(segment->scales);
	release_memory(segment->sums);
	release_memory(segment->floats);
	release_memory(segment->partials);
	release_memory(segment->pairs);
	if (segment->program)
		(void)clReleaseProgram(segment->program);
}

void opencl_segment_destroy(struct segment *base)
{
	struct opencl_segment *segment = (struct opencl_segment *)base;
	struct opencl_device *device = opencl_device_from(base->device);

	opencl_finish(device);
	if (!opencl_hangs(device))
		release_objects(segment);
	driver_memory_free(device, segment->step_words);
	free(segment->launches);
	free(segment);
}

static void opencl_segment_destroy_p(struct opencl_segment **segment)
{
	if (*segment)
		opencl_segment_destroy(&(*segment)->base);
}

int opencl_segment_create(struct device *device, const struct segment_params *params,
			  struct segment **ret_segment)
{
	_cleanup_(opencl_segment_destroy_p) struct opencl_segment *segment =
		calloc(1, sizeof(*segment));
	int r;

	if (!segment)
		return log_oom(device->log, "preparing a segment");
	segment->base.device = device;
	if (opencl_device_from(device)->is_lost)
		return -ENODEV;
	segment->params = *params;
	r = opencl_lower(segment, params);
	if (r < 0)
		return r;
	*ret_segment = &TAKE(segment)->base;
	return 0;
}

static uint32_t most_pages(const struct step *step)
{
	uint32_t pages = 1;

	for (uint32_t i = 0; i < step->n_runs; i++)
		pages = MAX(pages,
			    (step->runs[i].first_position + step->runs[i].n_rows - 1) / KV_PAGE +
				    1);
	return pages;
}

/* Tiles that the attention op of SHAPE makes of this step. */
static uint32_t attention_tiles(const struct opencl_segment *segment, const struct step *step,
				const struct launch_shape *shape)
{
	uint32_t tokens = step_has_single_rows(step) ? 1 : segment->tile_tokens, n = 0;
	uint32_t heads = (uint32_t)div_up(shape->n_head / shape->n_head_kv, segment->tile_heads);

	for (uint32_t i = 0; i < step->n_runs; i++)
		n += (uint32_t)div_up(step->runs[i].n_rows, tokens) * shape->n_head_kv * heads;
	return n;
}

/* Into how many parts a single token's context is cut; one number serves all layers. */
static uint32_t splits_of(const struct opencl_segment *segment, const struct step *step)
{
	const struct opencl_device *device = opencl_device_from(segment->base.device);
	uint32_t most = 0;

	if (!device->family->splits_attention || !step_has_single_rows(step))
		return 1;
	for (size_t i = 0; i < segment->n_launches; i++) {
		if (segment->launches[i].shape.kind == LAUNCH_ATTENTION)
			most = MAX(most,
				   attention_tiles(segment, step, &segment->launches[i].shape));
	}
	if (most == 0 || most * 2 > segment->max_splits_items)
		return 1;
	return MAX(MIN(segment->max_splits_items / most, most_pages(step) / 4), 1u);
}

static int write_step(struct opencl_segment *segment, const struct step *step, uint32_t n_splits)
{
	struct opencl_device *device = opencl_device_from(segment->base.device);
	size_t words;
	cl_int code;
	int r = 0;

	/* The words of the step before may still be on their way. */
	if (segment->step_written)
		r = opencl_wait(device, "clEnqueueWriteBuffer", segment->step_written);
	segment->step_written = NULL;
	if (r < 0)
		return r;
	words = step_words_write(segment->step_words, segment->params.graph, step, n_splits);
	code = clEnqueueWriteBuffer(device->queue, segment->step, CL_FALSE, 0,
				    words * sizeof(uint32_t), segment->step_words, 0, NULL,
				    &segment->step_written);
	return code == CL_SUCCESS ? 0 : opencl_failed(device, "clEnqueueWriteBuffer", code);
}

static uint32_t rows_of(const struct launch *launch, const struct step *step)
{
	return launch->of_outputs ? step->n_outputs : step->n_tokens;
}

static bool is_launched(const struct launch *launch, const struct step *step, uint32_t n_splits)
{
	uint32_t n_rows = rows_of(launch, step);

	return step_runs(step, launch->when) && n_rows > 0 &&
	       (launch->rows == ROWS_ANY || (launch->rows == ROWS_ONE) == (n_rows == 1)) &&
	       (launch->shape.kind != LAUNCH_JOIN || n_splits > 1);
}

/* With IS_MARK its end is seen by whoever waits for what comes after. */
static int enqueue(struct opencl_segment *segment, const struct launch *launch,
		   const struct step *step, uint32_t n_splits, bool is_mark)
{
	struct opencl_device *device = opencl_device_from(segment->base.device);
	struct launch_shape shape = launch->shape;
	bool single = launch->shape.kind == LAUNCH_ATTENTION ? step_has_single_rows(step) : false;
	struct launch_size size;
	cl_event mark;
	cl_int code;

	shape.n_rows = rows_of(launch, step);
	shape.n_splits = n_splits;
	if (shape.kind == LAUNCH_ATTENTION)
		shape.n_attention_tiles = attention_tiles(segment, step, &shape);
	size = device->family->size(device, &shape);
	code = clEnqueueNDRangeKernel(device->queue,
				      single || shape.n_rows == 1 ? launch->one : launch->many,
				      size.dimensions, NULL, size.global, size.local, 0, NULL,
				      is_mark ? &mark : NULL);
	if (code == CL_SUCCESS && is_mark)
		code = watchdog_mark(device->watchdog, mark);
	return code == CL_SUCCESS ? 0 : opencl_failed(device, "clEnqueueNDRangeKernel", code);
}

/*
 * After how many launches there is a mark. One launch over many rows takes long, and so does the first of
 * each kernel where a driver compiles then; else a mark would cost as much as a launch.
 */
static uint32_t marks_of(struct opencl_segment *segment, const struct step *step)
{
	bool single = step_has_single_rows(step), is_first = !segment->has_run[single];

	segment->has_run[single] = true;
	return is_first ? 1 : MAX(FLUSH_EVERY / step->n_tokens, 1u);
}

int opencl_segment_run(struct segment *base, const struct step *step)
{
	struct opencl_segment *segment = (struct opencl_segment *)base;
	struct opencl_device *device = opencl_device_from(base->device);
	uint32_t n_splits = splits_of(segment, step), since_mark = 0;
	uint32_t mark_every = marks_of(segment, step);
	size_t n = segment->n_launches;
	int r;

	if (device->is_lost)
		return -ENODEV;
	while (n > 0 && !is_launched(&segment->launches[n - 1], step, n_splits))
		n--;
	r = write_step(segment, step, n_splits);
	for (size_t i = 0; i < n && r == 0; i++) {
		bool is_mark = i == n - 1 || ++since_mark >= mark_every;

		if (i % FLUSH_EVERY == FLUSH_EVERY - 1)
			(void)clFlush(device->queue);
		if (!is_launched(&segment->launches[i], step, n_splits))
			continue;
		since_mark = is_mark ? 0 : since_mark;
		r = enqueue(segment, &segment->launches[i], step, n_splits, is_mark);
	}
	return r;
}
