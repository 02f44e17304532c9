// SPDX-License-Identifier: MIT
/* Owns a plan as a table and as JSON. What is said is plan_report.c's. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "plan_report.h"

static const char *const phase_names[PHASES] = {
	[PHASE_PREFILL] = "prefill",
	[PHASE_DECODE] = "decode",
};

static void json_decref_p(json_t **json)
{
	json_decref(*json);
}

static uint32_t crossing_bytes(const struct graph *graph, const struct plan_segment *segment)
{
	if (segment->input == NO_VALUE)
		return 0;
	return graph->values[segment->input].n_cols * (uint32_t)sizeof(float);
}

static bool phases_are_equal(const struct plan *plan)
{
	const struct phase_plan *a = &plan->phases[PHASE_PREFILL], *b = &plan->phases[PHASE_DECODE];

	for (uint32_t i = 0; i < a->n_segments && a->n_segments == b->n_segments; i++) {
		if (a->segments[i].device != b->segments[i].device ||
		    a->segments[i].first_op != b->segments[i].first_op)
			return false;
	}
	return a->n_segments == b->n_segments;
}

static double predicted_s(const struct plan_report *report, enum phase phase, uint32_t i)
{
	const struct segment_prediction *segment = &report->prediction.phases[phase].segments[i];

	return segment->run_s + segment->crossing_s;
}

/* 0: unknown */
static double measured_s(const struct plan_report *report, enum phase phase, uint32_t i)
{
	double seconds = report->measured ? report->measured->segment_s[phase][i] : 0;

	return seconds > 0 && isfinite(seconds) ? seconds : 0;
}

/* Of the predicted time, in percent of the measured one: above 0 it was thought slower than it is. */
static double error_percent(double predicted_s, double measured_s)
{
	return 100 * (predicted_s / measured_s - 1);
}

/* ---- table ---- */

static void print_padded(const struct plan_report *report, uint32_t device, uint32_t width,
			 FILE *out)
{
	char name[PLAN_NAME_SIZE];
	uint32_t n;

	plan_device_name(report, device, name, &n);
	(void)fprintf(out, "%s%*s", name, (int)(width - MIN(width, n)), "");
}

static uint32_t name_width(const struct plan_report *report)
{
	uint32_t width = 6;

	for (uint32_t d = 0; d < report->params->n_devices; d++) {
		char name[PLAN_NAME_SIZE];
		uint32_t n;

		plan_device_name(report, d, name, &n);
		width = MAX(width, n);
	}
	return width;
}

static void print_segment(const struct plan_report *report, enum phase phase, const char *label,
			  uint32_t i, FILE *out)
{
	const struct plan_segment *segment = &report->plan->phases[phase].segments[i];
	char parts[PLAN_PARTS_SIZE];
	double measured = measured_s(report, phase, i);

	(void)fprintf(out, "%-7s  %7" PRIu32 "  ", label, i);
	print_padded(report, segment->device, name_width(report), out);
	(void)fprintf(out, "  %-40s  %11.1f  %11" PRIu32, plan_parts(report->graph, segment, parts),
		      (double)plan_weight_bytes(report->graph, segment) / (1 << 20),
		      crossing_bytes(report->graph, segment));
	if (report->has_prediction)
		(void)fprintf(out, "  %12.3f  %11.3f",
			      1e3 * report->prediction.phases[phase].segments[i].crossing_s,
			      1e3 * predicted_s(report, phase, i));
	if (measured > 0)
		(void)fprintf(out, "  %11.3f", 1e3 * measured);
	if (measured > 0 && report->has_prediction)
		(void)fprintf(out, "  %+6.0f %%",
			      error_percent(predicted_s(report, phase, i), measured));
	(void)fputc('\n', out);
}

static void print_segments(const struct plan_report *report, FILE *out)
{
	bool once = !report->has_prediction && !report->measured && phases_are_equal(report->plan);

	(void)fprintf(out, "phase    segment  %-*s  %-40s  weights MiB  B per token",
		      (int)name_width(report), "device", "parts");
	if (report->has_prediction)
		(void)fprintf(out, "   ms crossing    ms a step");
	if (report->measured)
		(void)fprintf(out, "     measured   error");
	(void)fputc('\n', out);
	for (enum phase phase = once ? PHASE_DECODE : 0; phase < PHASES; phase++) {
		for (uint32_t i = 0; i < report->plan->phases[phase].n_segments; i++)
			print_segment(report, phase, once ? "both" : phase_names[phase], i, out);
	}
}

static void print_alternative(const char *name, const struct plan_prediction *prediction, FILE *out)
{
	(void)fprintf(out, "%14.1f  %12.1f  %10.3f  %s\n",
		      prediction->phases[PHASE_PREFILL].tokens_s,
		      prediction->phases[PHASE_DECODE].tokens_s, prediction->total_s, name);
}

static void print_measured(const struct plan_report *report, FILE *out)
{
	const double *tokens_s = report->measured->tokens_s;

	(void)fprintf(out, "%14.1f  %12.1f  %10s  measured (error", tokens_s[0], tokens_s[1], "");
	for (enum phase phase = 0; phase < PHASES; phase++) {
		if (tokens_s[phase] > 0)
			(void)fprintf(out, " %+.0f %%",
				      error_percent(1 / report->prediction.phases[phase].tokens_s,
						    1 / tokens_s[phase]));
	}
	(void)fprintf(out, ")\n");
}

static void print_choice(const struct plan_report *report, FILE *out)
{
	const struct plan_prediction *prediction = &report->prediction;

	(void)fprintf(out, "\nprefill tok/s  decode tok/s  s per turn\n");
	print_alternative("this plan", prediction, out);
	if (report->measured)
		print_measured(report, out);
	for (uint32_t i = 0; i < report->n_alternatives; i++)
		print_alternative(report->alternatives[i].name, &report->alternatives[i].prediction,
				  out);
	(void)fprintf(out,
		      "\npredicted for %" PRIu32 " tokens of prompt in batches of %" PRIu32
		      " and %" PRIu32 " of answer at depth %" PRIu32 "\n",
		      report->params->work.n_prompt, report->params->work.n_batch,
		      report->params->work.n_answer, report->params->work.depth);
	if (report->measured)
		(void)fprintf(
			out, "errors are of predicted times: above 0 %% it was thought slower than "
			     "it is\n");
	if (prediction->kv_bytes > 0)
		(void)fprintf(out, "moving the cache between phases: %.1f MiB, %.1f ms a turn\n",
			      (double)prediction->kv_bytes / (1 << 20), 1e3 * prediction->kv_s);
	if (prediction->n_parts > 1)
		(void)fprintf(out,
			      "batches cut into %" PRIu32
			      " parts that follow each other: %.1f tok/s of prefill\n",
			      prediction->n_parts, prediction->pipelined_tokens_s);
	if (prediction->least_s > 0 && !prediction->proven)
		(void)fprintf(out, "the search was cut short; no plan takes less than %.3f s\n",
			      prediction->least_s);
	(void)fprintf(out, "why: %s\n", report->reason);
}

void plan_print(const struct plan_report *report, FILE *out)
{
	print_segments(report, out);
	if (report->has_prediction)
		print_choice(report, out);
}

/* ---- JSON ---- */

/* null for what JSON has no number for */
static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *name_json(const struct plan_report *report, uint32_t device)
{
	char name[PLAN_NAME_SIZE];

	return json_string(plan_device_name(report, device, name, NULL));
}

static void add_times(json_t *json, const struct plan_report *report, enum phase phase, uint32_t i)
{
	const struct segment_prediction *segment = &report->prediction.phases[phase].segments[i];
	double measured = measured_s(report, phase, i);

	if (report->has_prediction) {
		json_object_set_new(json, "run_s", number(segment->run_s));
		json_object_set_new(json, "crossing_s", number(segment->crossing_s));
		json_object_set_new(json, "crossing_bytes",
				    json_integer((json_int_t)segment->crossing_bytes));
	}
	if (measured > 0)
		json_object_set_new(json, "measured_s", number(measured));
	if (measured > 0 && report->has_prediction)
		json_object_set_new(json, "error_percent",
				    number(error_percent(predicted_s(report, phase, i), measured)));
}

static json_t *segments_json(const struct plan_report *report, enum phase phase)
{
	const struct phase_plan *plan = &report->plan->phases[phase];
	json_t *segments = json_array();

	for (uint32_t i = 0; i < plan->n_segments; i++) {
		const struct plan_segment *segment = &plan->segments[i];
		json_t *json = json_pack("{s:o, s:i, s:i, s:i, s:i, s:I, s:i}", "device",
					 name_json(report, segment->device), "first_op",
					 (int)segment->first_op, "ops", (int)segment->n_ops,
					 "first_layer", (int)segment->first_layer, "layers",
					 (int)segment->n_layers, "weight_bytes",
					 (json_int_t)plan_weight_bytes(report->graph, segment),
					 "crossing_bytes_per_token",
					 (int)crossing_bytes(report->graph, segment));

		if (json)
			add_times(json, report, phase, i);
		if (json_array_append_new(segments, json) < 0) {
			json_decref(segments);
			return NULL;
		}
	}
	return segments;
}

static json_t *alternative_json(const char *name, const struct plan_prediction *prediction)
{
	return json_pack("{s:s, s:o, s:o, s:o}", "name", name, "prefill_tokens_s",
			 number(prediction->phases[PHASE_PREFILL].tokens_s), "decode_tokens_s",
			 number(prediction->phases[PHASE_DECODE].tokens_s), "turn_s",
			 number(prediction->total_s));
}

static json_t *alternatives_json(const struct plan_report *report)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < report->n_alternatives; i++)
		json_array_append_new(all, alternative_json(report->alternatives[i].name,
							    &report->alternatives[i].prediction));
	return all;
}

static json_t *prediction_json(const struct plan_report *report)
{
	const struct plan_prediction *prediction = &report->prediction;
	const struct plan_work *work = &report->params->work;
	json_t *json = alternative_json("this plan", prediction);
	json_t *more = json_pack("{s:i, s:i, s:i, s:i, s:I, s:o, s:i, s:o, s:b, s:o}", "prompt",
				 (int)work->n_prompt, "answer", (int)work->n_answer, "batch",
				 (int)work->n_batch, "depth", (int)work->depth, "cache_moved_bytes",
				 (json_int_t)prediction->kv_bytes, "cache_moved_s",
				 number(prediction->kv_s), "pipelined_parts",
				 (int)prediction->n_parts, "pipelined_prefill_tokens_s",
				 number(prediction->pipelined_tokens_s), "proven",
				 prediction->proven, "least_turn_s", number(prediction->least_s));

	if (!json || !more || json_object_update(json, more) < 0) {
		json_decref(json);
		json = NULL;
	}
	json_decref(more);
	return json;
}

int plan_print_json(const struct plan_report *report, FILE *out)
{
	_cleanup_(json_decref_p)
		json_t *root = json_pack("{s:s, s:o, s:o, s:o}", "arch", report->graph->model->arch,
					 "segments", segments_json(report, PHASE_DECODE), "prefill",
					 segments_json(report, PHASE_PREFILL), "decode",
					 segments_json(report, PHASE_DECODE));

	if (!root)
		return -ENOMEM;
	if (report->has_prediction &&
	    (json_object_set_new(root, "prediction", prediction_json(report)) < 0 ||
	     json_object_set_new(root, "alternatives", alternatives_json(report)) < 0 ||
	     json_object_set_new(root, "reason", json_string(report->reason)) < 0))
		return -ENOMEM;
	if (report->measured &&
	    json_object_set_new(root, "measured",
				json_pack("{s:o, s:o}", "prefill_tokens_s",
					  number(report->measured->tokens_s[PHASE_PREFILL]),
					  "decode_tokens_s",
					  number(report->measured->tokens_s[PHASE_DECODE]))) < 0)
		return -ENOMEM;
	if (json_dumpf(root, out, JSON_INDENT(2)) < 0 || fputc('\n', out) == EOF)
		return -EIO;
	return 0;
}
