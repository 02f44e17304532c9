// SPDX-License-Identifier: MIT
/*
 * Owns one way through the segments of a phase: over a whole step, or in parts of it that follow each
 * other, so that each device works on another part at the same time. Refuses to choose.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "array.h"
#include "clock.h"
#include "internal.h"

/* A step, or rows of one. */
struct part {
	struct step step;
	uint32_t first_output; /* of the outputs of the whole step */
};

/* ---- results ---- */

static int hand_out_row(struct engine *engine, struct engine_device *device, uint32_t row,
			uint32_t output)
{
	struct session *session = engine->step.owners[output];
	uint32_t position = engine->step.output_positions[output];
	bool is_last = position == session->n_tokens - 1;
	float *to = is_last ? session->result : engine->step.result;
	size_t bytes = engine_n_result(engine) * sizeof(float);
	int r;

	r = buffer_read(device->values, engine->value_offsets[engine->graph->result] + row * bytes,
			to, bytes);
	if (r < 0)
		return r;
	session->has_result = session->has_result || is_last;
	if (session_is_observed(session, position)) {
		session->n_again = position + 1;
		session->observe(session->observe_data, position, to);
	}
	return 0;
}

/* A step without outputs still ends before its inputs change. */
static int hand_out(struct engine *engine, struct engine_device *device, const struct part *part)
{
	float nothing;
	int r = 0;

	if (part->step.n_outputs == 0)
		return buffer_read(device->values, 0, &nothing, sizeof(nothing));
	for (uint32_t i = 0; i < part->step.n_outputs && r == 0; i++)
		r = hand_out_row(engine, device, i, part->first_output + i);
	return r;
}

/* ---- between segments ---- */

/* A value on its way from segment I - 1 of the phase to segment I. */
struct crossing {
	uint64_t offset; /* in the values of both devices */
	size_t bytes;	 /* 0: they are one device, or the part has no such rows */
};

static struct crossing crossing_of(const struct engine *engine, enum phase phase, uint32_t i,
				   const struct step *step)
{
	int32_t input = engine->placed.plan.phases[phase].segments[i].input;
	const struct value *value = &engine->graph->values[input];
	uint32_t n_rows = value->rows == ROWS_TOKENS ? step->n_tokens : step->n_outputs;

	if (engine->routes[phase][i - 1]->device == engine->routes[phase][i]->device)
		n_rows = 0;
	return (struct crossing){engine->value_offsets[input],
				 (size_t)n_rows * value->n_cols * sizeof(float)};
}

static int take_in(struct engine *engine, enum phase phase, uint32_t i, const struct step *step,
		   const float *from)
{
	struct crossing crossing;

	if (i == 0)
		return 0;
	crossing = crossing_of(engine, phase, i, step);
	if (crossing.bytes == 0)
		return 0;
	return buffer_write(engine->routes[phase][i]->device->values, crossing.offset, from,
			    crossing.bytes);
}

static int give_on(struct engine *engine, enum phase phase, uint32_t i, const struct step *step,
		   float *to)
{
	struct crossing crossing;

	if (i + 1 == engine->placed.plan.phases[phase].n_segments)
		return 0;
	crossing = crossing_of(engine, phase, i + 1, step);
	if (crossing.bytes == 0)
		return 0;
	return buffer_read(engine->routes[phase][i]->device->values, crossing.offset, to,
			   crossing.bytes);
}

/* ---- whole ---- */

static int run_whole(struct engine *engine, enum phase phase, const struct part *part)
{
	uint32_t n = engine->placed.plan.phases[phase].n_segments;
	int r = 0;

	for (uint32_t i = 0; i < n && r == 0; i++) {
		struct engine_segment *segment = engine->routes[phase][i];
		uint64_t begin = engine->measured ? clock_now_ns() : 0;

		r = take_in(engine, phase, i, &part->step, engine->crossing);
		if (r == 0)
			r = segment_run(segment->segment, &part->step);
		if (r == 0)
			r = give_on(engine, phase, i, &part->step, engine->crossing);
		if (r == 0 && i == n - 1)
			r = hand_out(engine, segment->device, part);
		if (engine->measured)
			engine->measured->segment_s[phase][i] +=
				1e-9 * (double)(clock_now_ns() - begin);
		r = blame(engine, segment->device, r);
	}
	return r;
}

/* ---- in parts ---- */

struct line {
	struct engine *engine;
	enum phase phase;
	struct part parts[ENGINE_PARTS_MAX];
	uint32_t n_parts;
	uint32_t n_stages;
	size_t half; /* floats: a boundary holds two parts on their way */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Below the lock. */
	uint32_t n_given[PLAN_DEVICES_MAX]; /* parts that the stage has put on its boundary */
	uint32_t n_taken[PLAN_DEVICES_MAX]; /* parts that the stage has taken from the one before */
	int error;
};

struct stage {
	struct line *line;
	uint32_t index;
	pthread_t thread;
};

static float *slot_of(const struct line *line, uint32_t boundary, uint32_t part)
{
	return line->engine->crossing + boundary * line->engine->crossing_floats +
	       part % 2 * line->half;
}

/* Until *COUNT is at least WANTED; false where the line has stopped. */
static bool line_wait(struct line *line, const uint32_t *count, uint32_t wanted)
{
	bool goes_on;

	(void)pthread_mutex_lock(&line->lock);
	while (*count < wanted && line->error == 0)
		(void)pthread_cond_wait(&line->changed, &line->lock);
	goes_on = line->error == 0;
	(void)pthread_mutex_unlock(&line->lock);
	return goes_on;
}

static void line_tell(struct line *line, uint32_t *count)
{
	(void)pthread_mutex_lock(&line->lock);
	(*count)++;
	(void)pthread_cond_broadcast(&line->changed);
	(void)pthread_mutex_unlock(&line->lock);
}

static void line_stop(struct line *line, struct engine_device *device, int error)
{
	(void)pthread_mutex_lock(&line->lock);
	if (line->error == 0)
		line->error = blame(line->engine, device, error);
	(void)pthread_cond_broadcast(&line->changed);
	(void)pthread_mutex_unlock(&line->lock);
}

/* 0, or what the stage's device failed with; -ECANCELED where another stage did. */
static int stage_do_part(const struct stage *stage, uint32_t p)
{
	struct line *line = stage->line;
	uint32_t i = stage->index;
	bool is_last = i == line->n_stages - 1;
	struct engine_segment *segment = line->engine->routes[line->phase][i];
	const struct part *part = &line->parts[p];
	int r;

	if (i > 0 && !line_wait(line, &line->n_given[i - 1], p + 1))
		return -ECANCELED;
	r = take_in(line->engine, line->phase, i, &part->step, slot_of(line, i, p));
	if (r == 0 && i > 0)
		line_tell(line, &line->n_taken[i]);
	if (r == 0)
		r = segment_run(segment->segment, &part->step);
	if (r < 0 || is_last)
		return r < 0 ? r : hand_out(line->engine, segment->device, part);
	if (p >= 2 && !line_wait(line, &line->n_taken[i + 1], p - 1))
		return -ECANCELED;
	r = give_on(line->engine, line->phase, i, &part->step, slot_of(line, i + 1, p));
	if (r == 0)
		line_tell(line, &line->n_given[i]);
	return r;
}

static void *stage_run(void *data)
{
	const struct stage *stage = data;
	struct line *line = stage->line;
	int r = 0;

	for (uint32_t p = 0; p < line->n_parts && r == 0; p++)
		r = stage_do_part(stage, p);
	if (r < 0 && r != -ECANCELED)
		line_stop(line, line->engine->routes[line->phase][stage->index]->device, r);
	return NULL;
}

/* The last stage is ours, so that results are handed out by the thread that asked for them. */
static int line_run(struct line *line)
{
	struct stage stages[PLAN_DEVICES_MAX];
	uint32_t n_started = 0;

	for (uint32_t i = 0; i < line->n_stages; i++)
		stages[i] = (struct stage){.line = line, .index = i};
	while (n_started < line->n_stages - 1) {
		struct stage *stage = &stages[n_started];

		if (pthread_create(&stage->thread, NULL, stage_run, stage) != 0) {
			line_stop(line, NULL, log_oom(line->engine->log, "starting a stage"));
			break;
		}
		n_started++;
	}
	(void)stage_run(&stages[line->n_stages - 1]);
	for (uint32_t i = 0; i < n_started; i++)
		(void)pthread_join(stages[i].thread, NULL);
	return line->error;
}

/* ---- cutting a step ---- */

/* Runs and outputs of rows [first, first + n_tokens), counted from where the part begins. */
static void cut_runs(struct engine *engine, const struct step *whole, uint32_t first,
		     struct step_run *runs, struct part *part)
{
	uint32_t n = part->step.n_tokens, first_run = whole->row_runs[first];
	uint32_t *row_runs = engine->step.part_row_runs + first;

	part->step.n_runs = whole->row_runs[first + n - 1] - first_run + 1;
	part->step.runs = runs;
	part->step.row_runs = row_runs;
	for (uint32_t i = 0; i < n; i++)
		row_runs[i] = whole->row_runs[first + i] - first_run;
	for (uint32_t i = 0; i < part->step.n_runs; i++) {
		const struct step_run *run = &whole->runs[first_run + i];
		uint32_t begin = MAX(run->first_row, first);
		uint32_t end = MIN(run->first_row + run->n_rows, first + n);

		runs[i] = (struct step_run){begin - first, end - begin,
					    run->first_position + begin - run->first_row};
	}
	for (uint32_t g = 0; g < engine->graph->n_kv_groups; g++)
		part->step.pages[g] = whole->pages[g] + (size_t)first_run * whole->page_stride;
}

static void cut_outputs(struct engine *engine, const struct step *whole, uint32_t first,
			struct part *part)
{
	uint32_t at = part->first_output;

	part->step.outputs = engine->step.part_outputs + at;
	part->step.n_outputs = 0;
	while (at < whole->n_outputs && whole->outputs[at] < first + part->step.n_tokens) {
		engine->step.part_outputs[at] = whole->outputs[at] - first;
		part->step.n_outputs++;
		at++;
	}
}

static void line_cut(struct line *line, const struct step *whole)
{
	struct engine *engine = line->engine;
	struct step_run *runs = engine->step.part_runs;
	uint32_t first = 0, first_output = 0;

	for (uint32_t p = 0; p < line->n_parts; p++) {
		struct part *part = &line->parts[p];
		uint32_t end = (uint32_t)((uint64_t)whole->n_tokens * (p + 1) / line->n_parts);

		part->step = *whole;
		part->step.n_tokens = end - first;
		part->step.tokens += first;
		part->step.positions += first;
		for (uint32_t i = 0; i < engine->model->n_ropes; i++)
			part->step.rope[i] +=
				(size_t)first * (engine->model->ropes[i].n_dims / 2 * 2);
		if (part->step.adapter_scales)
			part->step.adapter_scales += (size_t)first * engine->n_adapters;
		part->first_output = first_output;
		cut_runs(engine, whole, first, runs, part);
		cut_outputs(engine, whole, first, part);
		runs += part->step.n_runs;
		first_output += part->step.n_outputs;
		first = end;
	}
}

/* A device is used by one stage only. */
static bool can_line_up(const struct engine *engine, enum phase phase)
{
	uint32_t n = engine->placed.plan.phases[phase].n_segments;

	if (n < 2 || n > PLAN_DEVICES_MAX)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t k = 0; k < i; k++) {
			if (engine->routes[phase][i]->device == engine->routes[phase][k]->device)
				return false;
		}
	}
	return true;
}

static int run_in_parts(struct engine *engine, enum phase phase, const struct step *step)
{
	struct line line = {
		.engine = engine,
		.phase = phase,
		.n_parts = MIN(engine->n_parts, step->n_tokens),
		.n_stages = engine->placed.plan.phases[phase].n_segments,
		.half = engine->crossing_floats / 2,
	};
	int r;

	(void)pthread_mutex_init(&line.lock, NULL);
	(void)pthread_cond_init(&line.changed, NULL);
	line_cut(&line, step);
	r = line_run(&line);
	(void)pthread_cond_destroy(&line.changed);
	(void)pthread_mutex_destroy(&line.lock);
	return r;
}

int engine_run(struct engine *engine, enum phase phase, const struct step *step)
{
	struct part whole = {.step = *step};

	if (phase == PHASE_PREFILL && engine->n_parts > 1 && step->n_tokens > 1 &&
	    can_line_up(engine, phase))
		return run_in_parts(engine, phase, step);
	return run_whole(engine, phase, &whole);
}
