// SPDX-License-Identifier: MIT
/*
 * Owns what the search needs to know of a graph and its devices, and what its answer means. The
 * search itself is search.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "cost.h"
#include "log.h"
#include "search.h"
#include "stages.h"

/* Labels made at most: some milliseconds. */
enum { MAX_WORK = 50000 };

struct planning {
	const struct graph *graph;
	const struct partition_params *params;
	struct stages stages;
	struct phase_steps steps[PHASES];
	struct search_problem problem;
	struct search_stage items[PLAN_SEGMENTS_MAX];
	struct search_result result;
};

static uint32_t allowed_in(const struct partition_params *params, enum phase phase)
{
	uint32_t all = (1U << params->n_devices) - 1;

	return params->allowed[phase] ? params->allowed[phase] & all : all;
}

/* ---- costs of stages ---- */

static void add_op(const struct planning *planning, uint32_t op, enum phase phase,
		   struct search_stage *item)
{
	const struct partition_params *params = planning->params;
	double seconds[PLAN_DEVICES_MAX];

	cost_op_devices(planning->graph, &planning->graph->ops[op], params, &planning->steps[phase],
			seconds);
	for (uint32_t d = 0; d < params->n_devices; d++) {
		if (cost_may_run(planning->graph, params, d, op))
			item->run_s[phase][d] += seconds[d];
		else
			item->run_s[phase][d] = INFINITY;
	}
}

static void add_crossing(const struct planning *planning, const struct stage *stage,
			 enum phase phase, struct search_stage *item)
{
	const struct partition_params *params = planning->params;
	const struct phase_steps *steps = &planning->steps[phase];

	for (uint32_t d = 0; d < params->n_devices; d++) {
		const struct device_rates *rates = params->devices[d].rates;
		double link = stage->input == NO_VALUE
				      ? 0
				      : cost_link(planning->graph, stage->input, rates, steps);

		item->out_s[phase][d] = link;
		item->in_s[phase][d] = link + rates->run_s * steps->n_steps;
	}
}

/* A device on which the stage alone is more than its limit is out. */
static void rule_out(const struct planning *planning, const struct stage *stage,
		     struct search_stage *item)
{
	const struct search_problem *problem = &planning->problem;
	uint64_t bytes = item->weight_bytes + item->kv_bytes + problem->value_bytes +
			 (stage->reads_shared ? problem->shared_bytes : 0);

	for (uint32_t d = 0; d < planning->params->n_devices; d++) {
		bool is_over = bytes > problem->limit_bytes[d] ||
			       (problem->host_devices & 1U << d &&
				bytes > problem->limit_bytes[PLAN_HOST]);

		for (enum phase phase = 0; phase < PHASES; phase++) {
			if (is_over && planning->steps[phase].n_steps > 0)
				item->run_s[phase][d] = INFINITY;
		}
	}
}

static void fill_stage(struct planning *planning, uint32_t s)
{
	const struct partition_params *params = planning->params;
	const struct stage *stage = &planning->stages.items[s];
	struct search_stage *item = &planning->items[s];

	item->weight_bytes = stage->weight_bytes;
	item->reads_shared = stage->reads_shared;
	for (uint32_t i = stage->first_op; i < stage->first_op + stage->n_ops; i++) {
		const struct op *op = &planning->graph->ops[i];

		item->kv_bytes += cost_kv_bytes(params, op);
		for (enum phase phase = 0; phase < PHASES; phase++)
			add_op(planning, i, phase, item);
		for (uint32_t d = 0; d < params->n_devices && op->kind == OP_ROPE; d++)
			item->move_s[d] += cost_kv_move(params, op, params->devices[d].rates);
	}
	for (enum phase phase = 0; phase < PHASES; phase++) {
		add_crossing(planning, stage, phase, item);
		for (uint32_t d = 0; d < params->n_devices; d++) {
			if (planning->steps[phase].n_steps > 0 &&
			    !(allowed_in(params, phase) & 1U << d))
				item->run_s[phase][d] = INFINITY;
		}
	}
}

/* ---- the problem ---- */

/* Where A and B are the same to the search. */
static bool are_twins(const struct planning *planning, uint32_t a, uint32_t b)
{
	const struct partition_params *params = planning->params;
	const struct plan_device *x = &params->devices[a], *y = &params->devices[b];
	size_t n_ops = planning->graph->n_ops;
	uint32_t both = 1U << a | 1U << b;

	for (enum phase phase = 0; phase < PHASES; phase++) {
		uint32_t allowed = allowed_in(params, phase) & both;

		if (allowed != 0 && allowed != both)
			return false;
	}
	if ((params->required & both) != 0 && (params->required & both) != both)
		return false;
	if (params->supported && memcmp(params->supported + a * n_ops,
					params->supported + b * n_ops, n_ops * sizeof(bool)) != 0)
		return false;
	return memcmp(x->rates, y->rates, sizeof(*x->rates)) == 0 &&
	       x->memory_bytes == y->memory_bytes && x->shares_host == y->shares_host;
}

static void fill_devices(struct planning *planning)
{
	const struct partition_params *params = planning->params;
	struct search_problem *problem = &planning->problem;

	problem->limit_bytes[PLAN_HOST] = params->host_bytes;
	for (uint32_t d = 0; d < params->n_devices; d++) {
		problem->limit_bytes[d] = params->devices[d].memory_bytes;
		if (params->devices[d].shares_host)
			problem->host_devices |= 1U << d;
		problem->twin[d] = -1;
		for (uint32_t i = d; i-- > 0 && problem->twin[d] < 0;) {
			if (are_twins(planning, i, d))
				problem->twin[d] = (int8_t)i;
		}
		for (enum phase phase = 0; phase < PHASES; phase++)
			problem->result_s[phase][d] =
				cost_link(planning->graph, planning->graph->result,
					  params->devices[d].rates, &planning->steps[phase]);
	}
}

static void fill_problem(struct planning *planning)
{
	const struct partition_params *params = planning->params;

	for (enum phase phase = 0; phase < PHASES; phase++)
		planning->steps[phase] = cost_steps(&params->work, phase);
	planning->problem = (struct search_problem){
		.stages = planning->items,
		.n_stages = planning->stages.n,
		.n_devices = params->n_devices,
		.one_phase = params->work.n_prompt == 0 || params->work.n_answer == 0,
		.shared_bytes = planning->stages.shared ? matrix_bytes(planning->stages.shared) : 0,
		.value_bytes = params->value_bytes,
		.required = params->required,
	};
	memset(planning->items, 0, sizeof(planning->items));
	fill_devices(planning);
	for (uint32_t s = 0; s < planning->stages.n; s++)
		fill_stage(planning, s);
}

/* ---- failures ---- */

static bool may_run_stage(const struct planning *planning, uint32_t s, enum phase phase)
{
	for (uint32_t d = 0; d < planning->params->n_devices; d++) {
		if (planning->items[s].run_s[phase][d] < INFINITY)
			return true;
	}
	return planning->steps[phase].n_steps == 0;
}

static const char *phase_name(enum phase phase)
{
	return phase == PHASE_PREFILL ? "prompts" : "answers";
}

/* The op that no device can have, or else the first of a part that none can have as a whole. */
static uint32_t culprit(const struct planning *planning, uint32_t s, enum phase phase)
{
	const struct stage *stage = &planning->stages.items[s];
	const struct partition_params *params = planning->params;

	for (uint32_t i = stage->first_op; i < stage->first_op + stage->n_ops; i++) {
		struct search_stage one = {0};
		bool is_possible = false;

		add_op(planning, i, phase, &one);
		for (uint32_t d = 0; d < params->n_devices; d++)
			is_possible = is_possible || (one.run_s[phase][d] < INFINITY &&
						      allowed_in(params, phase) & 1U << d);
		if (!is_possible)
			return i;
	}
	return stage->first_op;
}

/* 0, or -ENODEV where some stage has no device. */
static int check_stages(const struct planning *planning)
{
	const struct graph *graph = planning->graph;

	for (uint32_t s = 0; s < planning->stages.n; s++) {
		for (enum phase phase = 0; phase < PHASES; phase++) {
			const struct op *op;
			char layer[32] = "";

			if (may_run_stage(planning, s, phase))
				continue;
			op = &graph->ops[culprit(planning, s, phase)];
			if (op->layer >= 0)
				(void)snprintf(layer, sizeof(layer), " of layer %" PRId32,
					       op->layer);
			return log_error(planning->params->log, ENODEV,
					 "no device that may be used for %s can run %s%s (weights "
					 "of type %s): choose others, or calibrate them again",
					 phase_name(phase), op_kind_name(op->kind), layer,
					 op->n_weights > 0
						 ? tensor_type_info(op->weight[0]->type)->name
						 : "none");
		}
	}
	return 0;
}

static void path_to_plan(const struct planning *planning, const struct search_path *path,
			 struct plan *ret_plan)
{
	const struct stages *stages = &planning->stages;

	for (enum phase phase = 0; phase < PHASES; phase++) {
		struct phase_plan *plan = &ret_plan->phases[phase];
		uint32_t begin = 0;

		plan->n_segments = 0;
		for (uint32_t s = 1; s <= stages->n; s++) {
			uint32_t end = s < stages->n ? stages->items[s].first_op
						     : planning->graph->n_ops;

			if (s < stages->n && path->device[phase][s] == path->device[phase][begin])
				continue;
			plan->segments[plan->n_segments++] = stages_segment(
				planning->graph, path->device[phase][begin],
				stages->items[begin].first_op, end, stages->items[begin].input);
			begin = s;
		}
	}
}

static const char *limit_name(const struct partition_params *params, uint32_t limit)
{
	return limit == PLAN_HOST ? "the host" : params->devices[limit].name;
}

static int complain_memory(struct planning *planning, struct plan_prediction *prediction)
{
	const struct partition_params *params = planning->params;
	struct plan plan;
	uint64_t there;
	int r;

	/* Once more with the devices that are too small for some part, to see how much is short. */
	fill_problem(planning);
	planning->problem.required = 0;
	r = search_run(&planning->problem, 0, &planning->result);
	if (r < 0 || !planning->result.has_closest)
		return log_oom(params->log, "planning");
	path_to_plan(planning, &planning->result.closest, &plan);
	r = plan_predict(planning->graph, &plan, params, prediction);
	if (r < 0)
		return r;
	there = prediction->short_of == PLAN_HOST
			? params->host_bytes
			: params->devices[prediction->short_of].memory_bytes;
	return log_error(params->log, ENOMEM,
			 "the model does not fit: the plan that comes closest takes %.1f MiB more "
			 "than the %.1f MiB of memory of %s; use a shorter context, a smaller "
			 "model or more devices",
			 (double)prediction->short_bytes / (1 << 20), (double)there / (1 << 20),
			 limit_name(params, prediction->short_of));
}

/* Without the devices that are required, is there a plan? */
static int complain(struct planning *planning, struct plan_prediction *prediction)
{
	const struct partition_params *params = planning->params;
	int r;

	if (planning->problem.required == 0)
		return complain_memory(planning, prediction);
	planning->problem.required = 0;
	r = search_run(&planning->problem, MAX_WORK, &planning->result);
	if (r < 0)
		return log_oom(params->log, "planning");
	if (!planning->result.found)
		return complain_memory(planning, prediction);
	return log_error(params->log, EINVAL,
			 "the devices that were asked for cannot all be used: no plan gives a part "
			 "to each and fits their memory; name fewer");
}

/* ---- */

static int check_sets(const struct partition_params *params)
{
	uint32_t all = (1U << params->n_devices) - 1;

	if ((params->required & ~all) == 0 && allowed_in(params, PHASE_PREFILL) != 0 &&
	    allowed_in(params, PHASE_DECODE) != 0)
		return 0;
	return log_error(params->log, EINVAL,
			 "a plan cannot be made for devices beyond the %" PRIu32 " there are",
			 params->n_devices);
}

static int prepare(struct planning *planning)
{
	int r = check_sets(planning->params);

	if (r < 0)
		return r;
	if (stages_init(&planning->stages, planning->graph) < 0)
		return log_oom(planning->params->log, "planning");
	fill_problem(planning);
	r = check_stages(planning);
	for (uint32_t s = 0; r == 0 && s < planning->stages.n; s++)
		rule_out(planning, &planning->stages.items[s], &planning->items[s]);
	return r;
}

int partition_optimal(const struct graph *graph, const struct partition_params *params,
		      struct plan *ret_plan, struct plan_prediction *ret_prediction)
{
	_cleanup_free_ struct planning *planning = calloc(1, sizeof(*planning));
	_cleanup_free_ struct plan_prediction *prediction = calloc(1, sizeof(*prediction));
	_cleanup_free_ struct plan *plan = calloc(1, sizeof(*plan));
	int r;

	if (!planning || !prediction || !plan)
		return log_oom(params->log, "planning");
	planning->graph = graph;
	planning->params = params;
	r = cost_check(graph, params);
	if (r == 0)
		r = prepare(planning);
	if (r < 0)
		return r;
	if (search_run(&planning->problem, MAX_WORK, &planning->result) < 0)
		return log_oom(params->log, "planning");
	if (!planning->result.found)
		return complain(planning, prediction);
	path_to_plan(planning, &planning->result.best, plan);
	r = plan_predict(graph, plan, params, prediction);
	if (r < 0)
		return r;
	prediction->proven = planning->result.proven;
	prediction->least_s = planning->result.least_s;
	*ret_plan = *plan;
	*ret_prediction = *prediction;
	return 0;
}
