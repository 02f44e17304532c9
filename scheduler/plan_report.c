// SPDX-License-Identifier: MIT
/*
 * Owns what is said about a plan: what else could have been done, and why it was not. How that looks is
 * plan_print.c and plan_svg.c.
 */
#include "plan_report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "log.h"
#include "stages.h"
#include "utf8.h"

DEFINE_CLEANUP(struct plan_report, plan_report_destroy)

enum { NAME_CHARACTERS_MAX = 39 };

/* ---- names ---- */

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff ||
	       c == 0xfffe || c == 0xffff;
}

const char *plan_device_name(const struct plan_report *report, uint32_t device,
			     char name[static PLAN_NAME_SIZE], uint32_t *ret_n_characters)
{
	const char *from = report->params->devices[device].name;
	size_t left = strlen(from), n = 0;
	uint32_t n_characters = 0;

	while (left > 0 && n_characters < NAME_CHARACTERS_MAX) {
		uint32_t c;
		size_t length = utf8_decode(from, left, &c);

		if (n_characters == NAME_CHARACTERS_MAX - 1 && left > length)
			c = 0x2026; /* an ellipsis */
		n += utf8_encode(is_control(c) ? ' ' : c, name + n);
		n_characters++;
		from += length;
		left -= length;
	}
	name[n] = '\0';
	if (ret_n_characters)
		*ret_n_characters = n_characters;
	return name;
}

struct text {
	char *data;
	size_t size, n;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text->data + text->n, text->size - text->n, format, arguments);
	va_end(arguments);
	if (n > 0)
		text->n = MIN(text->n + (size_t)n, text->size - 1);
}

static bool has_attention(const struct graph *graph, const struct plan_segment *segment,
			  uint32_t layer)
{
	for (uint32_t i = segment->first_op; i < segment->first_op + segment->n_ops; i++) {
		if (graph->ops[i].layer == (int32_t)layer && graph->ops[i].kind == OP_ATTENTION)
			return true;
	}
	return false;
}

/* Does an op of the layer lie outside? */
static bool is_partial(const struct graph *graph, const struct plan_segment *segment,
		       uint32_t layer)
{
	uint32_t end = segment->first_op + segment->n_ops;

	return (segment->first_op > 0 &&
		graph->ops[segment->first_op - 1].layer == (int32_t)layer) ||
	       (end < graph->n_ops && graph->ops[end].layer == (int32_t)layer);
}

static void add_layers(struct text *text, const struct graph *graph,
		       const struct plan_segment *segment)
{
	uint32_t first = segment->first_layer, last = first + segment->n_layers - 1;
	bool cut_begin = is_partial(graph, segment, first);
	bool cut_end = last > first && is_partial(graph, segment, last);
	const char *comma = text->n > 0 ? ", " : "";

	if (cut_begin)
		add(text, "%s%s of layer %" PRIu32, comma,
		    has_attention(graph, segment, first) ? "attention" : "feed-forward", first);
	first += cut_begin;
	comma = text->n > 0 ? ", " : "";
	if (first < last + !cut_end && first + 1 < last + !cut_end)
		add(text, "%slayers %" PRIu32 " to %" PRIu32, comma, first, last - cut_end);
	else if (first < last + !cut_end)
		add(text, "%slayer %" PRIu32, comma, first);
	if (cut_end)
		add(text, "%s%s of layer %" PRIu32, text->n > 0 ? ", " : "",
		    has_attention(graph, segment, last) ? "attention" : "feed-forward", last);
}

const char *plan_parts(const struct graph *graph, const struct plan_segment *segment,
		       char parts[static PLAN_PARTS_SIZE])
{
	struct text text = {parts, PLAN_PARTS_SIZE, 0};
	uint32_t end = segment->first_op + segment->n_ops;

	parts[0] = '\0';
	if (segment->first_op == 0)
		add(&text, "embedding");
	if (segment->n_layers > 0)
		add_layers(&text, graph, segment);
	if (end == graph->n_ops)
		add(&text, "%shead", text.n > 0 ? ", " : "");
	return parts;
}

/* ---- alternatives ---- */

static void whole_on(const struct graph *graph, uint32_t device, struct phase_plan *ret)
{
	ret->n_segments = 1;
	ret->segments[0] = stages_segment(graph, device, 0, graph->n_ops, NO_VALUE);
}

static bool may_do_all(const struct partition_params *params, uint32_t device)
{
	for (enum phase phase = 0; phase < PHASES; phase++) {
		if (params->allowed[phase] && !(params->allowed[phase] & 1U << device))
			return false;
	}
	return true;
}

/* Keeps it where it can be carried out. */
static int add_alternative(struct plan_report *report, const struct plan *plan, const char *name,
			   const char *suffix)
{
	struct plan_alternative *to = &report->alternatives[report->n_alternatives];
	int r = plan_predict(report->graph, plan, report->params, &to->prediction);

	if (r < 0)
		return r;
	if (!isfinite(to->prediction.total_s) || to->prediction.short_bytes > 0)
		return 0;
	(void)snprintf(to->name, sizeof(to->name), "%s%s", name, suffix);
	to->is_single = suffix[0] != '\0';
	report->n_alternatives++;
	return 0;
}

static int add_alternatives(struct plan_report *report, struct plan *scratch)
{
	const struct partition_params *params = report->params;
	char name[PLAN_NAME_SIZE];
	int r = 0;

	for (uint32_t d = 0; d < params->n_devices && r == 0; d++) {
		if (!may_do_all(params, d))
			continue;
		for (enum phase phase = 0; phase < PHASES; phase++)
			whole_on(report->graph, d, &scratch->phases[phase]);
		r = add_alternative(report, scratch, plan_device_name(report, d, name, NULL),
				    " alone");
	}
	if (r < 0 || params->n_devices < 2 ||
	    partition_by_share(report->graph, params->devices, params->n_devices, scratch) < 0 ||
	    scratch->phases[PHASE_DECODE].n_segments < 2)
		return r;
	return add_alternative(report, scratch, "by shares", "");
}

/* ---- why ---- */

/* The device that does the whole phase, or -1. */
static int only_device(const struct plan *plan, enum phase phase)
{
	return plan->phases[phase].n_segments == 1 ? (int)plan->phases[phase].segments[0].device
						   : -1;
}

static double step_s(const struct plan_prediction *prediction, enum phase phase)
{
	return prediction->phases[phase].total_s / MAX(prediction->phases[phase].n_steps, 1);
}

/* Room to think in. */
struct thought {
	struct plan plan;
	struct plan_prediction prediction, best;
};

/*
 * The device other than NOT with which, if it had the whole phase, the turn would be shortest;
 * thought->best says how short. -1: there is none.
 */
static int rival(const struct plan_report *report, enum phase phase, uint32_t not,
		 struct thought *thought)
{
	uint32_t allowed = report->params->allowed[phase];
	int best = -1;

	for (uint32_t d = 0; d < report->params->n_devices; d++) {
		if (d == not || (allowed && !(allowed & 1U << d)))
			continue;
		thought->plan = *report->plan;
		whole_on(report->graph, d, &thought->plan.phases[phase]);
		if (plan_predict(report->graph, &thought->plan, report->params,
				 &thought->prediction) < 0 ||
		    !isfinite(thought->prediction.total_s))
			continue;
		if (best >= 0 && thought->prediction.total_s >= thought->best.total_s)
			continue;
		best = (int)d;
		thought->best = thought->prediction;
	}
	return best;
}

/* "decode stays on cpu: gpu would need 5.2 ms per token, 3.1 ms of them to start and read, not 4.0" */
static void say_phase(const struct plan_report *report, enum phase phase, uint32_t device,
		      struct thought *thought, struct text *text)
{
	char name[PLAN_NAME_SIZE], other_name[PLAN_NAME_SIZE];
	const char *step = phase == PHASE_DECODE ? "per token" : "per batch";
	int other = rival(report, phase, device, thought);
	double start;

	plan_device_name(report, device, name, NULL);
	add(text, "%s stays on %s", phase == PHASE_DECODE ? "decode" : "prefill", name);
	if (other < 0) {
		add(text, ": no other device can do it");
		return;
	}
	start = thought->best.phases[phase].result_s + report->params->devices[other].rates->run_s;
	add(text, ": %s would need %.3g ms %s",
	    plan_device_name(report, (uint32_t)other, other_name, NULL),
	    1e3 * step_s(&thought->best, phase), step);
	if (start > 0.1 * step_s(&thought->best, phase))
		add(text, ", %.3g ms of it to start and for its link", 1e3 * start);
	if (thought->best.kv_s > report->prediction.kv_s)
		add(text, " and %.3g ms a turn for moving the cache", 1e3 * thought->best.kv_s);
	add(text, "; %s needs %.3g ms", name, 1e3 * step_s(&report->prediction, phase));
}

static void say_apart(const struct plan_report *report, uint32_t prefill, uint32_t decode,
		      struct thought *thought, struct text *text)
{
	char a[PLAN_NAME_SIZE], b[PLAN_NAME_SIZE];
	const struct plan_prediction *now = &report->prediction;
	int r;

	thought->plan = *report->plan;
	whole_on(report->graph, prefill, &thought->plan.phases[PHASE_DECODE]);
	whole_on(report->graph, decode, &thought->plan.phases[PHASE_PREFILL]);
	r = plan_predict(report->graph, &thought->plan, report->params, &thought->best);
	plan_device_name(report, prefill, a, NULL);
	plan_device_name(report, decode, b, NULL);
	add(text, "prefill goes to %s and decode to %s", a, b);
	if (r < 0 || !isfinite(thought->best.total_s)) {
		add(text, ": the other way round is not possible");
		return;
	}
	add(text,
	    ": a token would take %.3g ms on %s, not %.3g, and a batch %.3g ms on %s, not %.3g; "
	    "moving the cache takes %.3g ms a turn",
	    1e3 * step_s(&thought->best, PHASE_DECODE), a, 1e3 * step_s(now, PHASE_DECODE),
	    1e3 * step_s(&thought->best, PHASE_PREFILL), b, 1e3 * step_s(now, PHASE_PREFILL),
	    1e3 * now->kv_s);
}

static const struct plan_alternative *best_single(const struct plan_report *report)
{
	const struct plan_alternative *best = NULL;

	for (uint32_t i = 0; i < report->n_alternatives; i++) {
		const struct plan_alternative *one = &report->alternatives[i];

		if (one->is_single && (!best || one->prediction.total_s < best->prediction.total_s))
			best = one;
	}
	return best;
}

static void say_split(const struct plan_report *report, struct text *text)
{
	const struct plan_alternative *single = best_single(report);
	double now = report->prediction.total_s;

	if (!single)
		add(text,
		    "no device alone can run the model and has the memory for it, so it is split");
	else if (single->prediction.total_s > now)
		add(text, "the split takes %.3g s a turn, %s %.3g s", now, single->name,
		    single->prediction.total_s);
	else
		add(text, "%s would take %.3g s a turn, not %.3g: the split was asked for",
		    single->name, single->prediction.total_s, now);
}

static void find_reason(struct plan_report *report, struct thought *thought)
{
	const struct plan_work *work = &report->params->work;
	struct text text = {report->reason, sizeof(report->reason), 0};
	int prefill = only_device(report->plan, PHASE_PREFILL);
	int decode = only_device(report->plan, PHASE_DECODE);
	char name[PLAN_NAME_SIZE];

	if (report->params->n_devices == 1)
		add(&text, "%s is the only device", plan_device_name(report, 0, name, NULL));
	else if (report->params->is_given)
		add(&text, "this is what was asked for");
	else if (work->n_answer > 0 && decode >= 0 && (prefill == decode || prefill < 0))
		say_phase(report, PHASE_DECODE, (uint32_t)decode, thought, &text);
	else if (prefill >= 0 && decode >= 0 && prefill != decode)
		say_apart(report, (uint32_t)prefill, (uint32_t)decode, thought, &text);
	else if (prefill >= 0 && work->n_prompt > 0)
		say_phase(report, PHASE_PREFILL, (uint32_t)prefill, thought, &text);
	else
		say_split(report, &text);
}

/* ---- */

static int fill(struct plan_report *report, const struct plan_prediction *chosen,
		struct thought *thought)
{
	const struct partition_params *params = report->params;
	int r = 0;

	for (uint32_t d = 0; d < params->n_devices; d++) {
		if (!params->devices[d].rates)
			return 0;
	}
	if (chosen)
		report->prediction = *chosen;
	else
		r = plan_predict(report->graph, report->plan, params, &report->prediction);
	if (r == 0)
		r = add_alternatives(report, &thought->plan);
	if (r < 0)
		return r;
	report->has_prediction = true;
	find_reason(report, thought);
	return 0;
}

int plan_report_create(const struct graph *graph, const struct plan *plan,
		       const struct partition_params *params, const struct plan_prediction *chosen,
		       const struct plan_measured *measured, struct plan_report **ret_report)
{
	_cleanup_(plan_report_destroy_p) struct plan_report *report = calloc(1, sizeof(*report));
	_cleanup_free_ struct thought *thought = calloc(1, sizeof(*thought));
	int r;

	if (!report || !thought)
		return log_oom(params->log, "describing a plan");
	report->graph = graph;
	report->plan = plan;
	report->params = params;
	report->measured = measured;
	r = fill(report, chosen, thought);
	if (r < 0)
		return r;
	*ret_report = TAKE(report);
	return 0;
}

void plan_report_destroy(struct plan_report *report)
{
	free(report);
}
