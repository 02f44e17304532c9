// SPDX-License-Identifier: MIT
/* Owns what a plan takes: times by the cost model, bytes by device. Refuses to change it. */
#include <math.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"
#include "cost.h"
#include "log.h"

static double segment_run(const struct graph *graph, const struct plan_segment *segment,
			  const struct partition_params *params, const struct phase_steps *steps)
{
	const struct device_rates *rates = params->devices[segment->device].rates;
	double seconds = rates->run_s * steps->n_steps;

	for (uint32_t i = 0; i < segment->n_ops; i++) {
		uint32_t op = segment->first_op + i;

		if (!cost_may_run(graph, params, segment->device, op))
			return INFINITY;
		seconds += cost_op(graph, &graph->ops[op], rates, steps);
	}
	return seconds;
}

static double segment_crossing(const struct graph *graph, const struct phase_plan *plan, uint32_t i,
			       const struct partition_params *params,
			       const struct phase_steps *steps)
{
	const struct plan_segment *segment = &plan->segments[i];

	if (i == 0)
		return 0;
	return cost_link(graph, segment->input, params->devices[plan->segments[i - 1].device].rates,
			 steps) +
	       cost_link(graph, segment->input, params->devices[segment->device].rates, steps);
}

static uint64_t largest_bytes(const struct graph *graph, int32_t value,
			      const struct phase_steps *steps)
{
	uint64_t bytes = 0;

	for (uint32_t k = 0; k < steps->n_kinds; k++)
		bytes = MAX(bytes, cost_value_bytes(graph, value, &steps->kinds[k].shape));
	return bytes;
}

static void predict_phase(const struct graph *graph, const struct phase_plan *plan,
			  const struct partition_params *params, const struct phase_steps *steps,
			  struct phase_prediction *ret)
{
	double n = MAX(steps->n_steps, 1);
	const struct plan_segment *last = &plan->segments[plan->n_segments - 1];

	*ret = (struct phase_prediction){.n_steps = steps->n_steps};
	for (uint32_t i = 0; i < plan->n_segments; i++) {
		double run = segment_run(graph, &plan->segments[i], params, steps);
		double crossing = segment_crossing(graph, plan, i, params, steps);

		ret->segments[i].run_s = run / n;
		ret->segments[i].crossing_s = crossing / n;
		if (i > 0)
			ret->segments[i].crossing_bytes =
				largest_bytes(graph, plan->segments[i].input, steps);
		ret->total_s += run + crossing;
	}
	ret->result_s =
		cost_link(graph, graph->result, params->devices[last->device].rates, steps) / n;
	ret->total_s += ret->result_s * n;
}

/* ---- caches that move ---- */

static uint32_t device_of(const struct phase_plan *plan, uint32_t op)
{
	uint32_t i = 0;

	while (i + 1 < plan->n_segments && plan->segments[i + 1].first_op <= op)
		i++;
	return plan->segments[i].device;
}

static void predict_kv(const struct graph *graph, const struct plan *plan,
		       const struct partition_params *params, struct plan_prediction *ret)
{
	if (params->work.n_prompt == 0 || params->work.n_answer == 0)
		return;
	for (uint32_t i = 0; i < graph->n_ops; i++) {
		const struct op *op = &graph->ops[i];
		uint32_t a = device_of(&plan->phases[PHASE_PREFILL], i);
		uint32_t b = device_of(&plan->phases[PHASE_DECODE], i);

		if (a == b || op->kind != OP_ROPE)
			continue;
		ret->kv_bytes += cost_kv_moved(params, op);
		ret->kv_s += cost_kv_move(params, op, params->devices[a].rates) +
			     cost_kv_move(params, op, params->devices[b].rates);
	}
}

/* ---- parts of a prompt that follow each other ---- */

static double pipelined(const struct graph *graph, const struct phase_plan *plan,
			const struct partition_params *params, uint32_t n_parts)
{
	struct phase_prediction part;
	double busy[PLAN_DEVICES_MAX] = {0}, one, most = 0;
	struct plan_work work = params->work;
	struct phase_steps steps;

	work.n_batch = (uint32_t)div_up(work.n_batch, n_parts);
	steps = cost_steps(&work, PHASE_PREFILL);
	predict_phase(graph, plan, params, &steps, &part);
	one = part.result_s;
	for (uint32_t i = 0; i < plan->n_segments; i++) {
		const struct segment_prediction *segment = &part.segments[i];

		one += segment->run_s + segment->crossing_s;
		busy[plan->segments[i].device] += segment->run_s + segment->crossing_s;
		if (i > 0)
			busy[plan->segments[i - 1].device] += segment->crossing_s;
	}
	busy[plan->segments[plan->n_segments - 1].device] += part.result_s;
	for (uint32_t d = 0; d < params->n_devices; d++)
		most = fmax(most, busy[d]);
	return one + most * (steps.n_steps - 1);
}

static void predict_pipelined(const struct graph *graph, const struct phase_plan *plan,
			      const struct partition_params *params, struct plan_prediction *ret)
{
	uint32_t most_parts = plan->n_segments > 1 ? 16 : 1;

	ret->n_parts = 1;
	if (params->work.n_prompt == 0)
		return;
	ret->pipelined_s = INFINITY;
	for (uint32_t n = 1; n <= most_parts && n <= params->work.n_batch; n *= 2) {
		double seconds = pipelined(graph, plan, params, n);

		if (seconds < ret->pipelined_s) {
			ret->pipelined_s = seconds;
			ret->n_parts = n;
		}
	}
	if (ret->pipelined_s > 0)
		ret->pipelined_tokens_s = params->work.n_prompt / ret->pipelined_s;
}

/* ---- memory ---- */

/* Devices, as bits, that op OP has in either phase. */
static uint32_t devices_of(const struct plan *plan, uint32_t op)
{
	return 1U << device_of(&plan->phases[PHASE_PREFILL], op) |
	       1U << device_of(&plan->phases[PHASE_DECODE], op);
}

static void charge(const struct partition_params *params, uint32_t devices, uint64_t bytes,
		   bool once_for_host, struct plan_prediction *ret)
{
	bool is_charged = false;

	for (uint32_t d = 0; d < params->n_devices; d++) {
		if (!(devices & 1U << d))
			continue;
		ret->device_bytes[d] += bytes;
		if (!params->devices[d].shares_host || (is_charged && once_for_host))
			continue;
		ret->host_bytes += bytes;
		is_charged = true;
	}
}

/* Matrices are told apart by their ids. */
static void charge_weights(const struct graph *graph, const struct plan *plan,
			   const struct partition_params *params, uint32_t *readers,
			   struct plan_prediction *ret)
{
	for (uint32_t i = 0; i < graph->n_ops; i++) {
		for (uint32_t k = 0; k < graph->ops[i].n_weights; k++)
			readers[graph->ops[i].weight[k]->id] |= devices_of(plan, i);
	}
	for (uint32_t i = 0; i < graph->n_ops; i++) {
		for (uint32_t k = 0; k < graph->ops[i].n_weights; k++) {
			const struct matrix *matrix = graph->ops[i].weight[k];

			charge(params, readers[matrix->id], matrix_bytes(matrix), true, ret);
			readers[matrix->id] = 0;
		}
	}
}

static void find_shortage(const struct partition_params *params, struct plan_prediction *ret)
{
	for (uint32_t d = 0; d <= params->n_devices; d++) {
		bool is_host = d == params->n_devices;
		uint64_t used = is_host ? ret->host_bytes : ret->device_bytes[d];
		uint64_t limit = is_host ? params->host_bytes : params->devices[d].memory_bytes;

		if (used <= limit || used - limit <= ret->short_bytes)
			continue;
		ret->short_bytes = used - limit;
		ret->short_of = is_host ? PLAN_HOST : d;
	}
}

int plan_predict_memory(const struct graph *graph, const struct plan *plan,
			const struct partition_params *params,
			struct plan_prediction *ret_prediction)
{
	_cleanup_free_ uint32_t *readers = calloc(graph->n_matrices + 1, sizeof(*readers));
	struct plan_prediction *ret = ret_prediction;
	uint32_t used = 0;

	if (!readers)
		return log_oom(params->log, "predicting a plan");
	charge_weights(graph, plan, params, readers, ret);
	for (uint32_t i = 0; i < graph->n_ops; i++) {
		charge(params, devices_of(plan, i), cost_kv_bytes(params, &graph->ops[i]), false,
		       ret);
		used |= devices_of(plan, i);
	}
	charge(params, used, params->value_bytes, false, ret);
	find_shortage(params, ret);
	return 0;
}

/* ---- */

static double tokens_s(uint32_t n_tokens, double seconds)
{
	return n_tokens > 0 && seconds > 0 ? n_tokens / seconds : 0;
}

int plan_predict(const struct graph *graph, const struct plan *plan,
		 const struct partition_params *params, struct plan_prediction *ret_prediction)
{
	struct plan_prediction *ret = ret_prediction;
	int r = cost_check(graph, params);

	if (r < 0)
		return r;
	*ret = (struct plan_prediction){0};
	for (enum phase phase = 0; phase < PHASES; phase++) {
		struct phase_steps steps = cost_steps(&params->work, phase);

		predict_phase(graph, &plan->phases[phase], params, &steps, &ret->phases[phase]);
	}
	ret->phases[PHASE_PREFILL].tokens_s =
		tokens_s(params->work.n_prompt, ret->phases[PHASE_PREFILL].total_s);
	ret->phases[PHASE_DECODE].tokens_s =
		tokens_s(params->work.n_answer, ret->phases[PHASE_DECODE].total_s);
	predict_kv(graph, plan, params, ret);
	predict_pipelined(graph, &plan->phases[PHASE_PREFILL], params, ret);
	ret->total_s =
		ret->phases[PHASE_PREFILL].total_s + ret->phases[PHASE_DECODE].total_s + ret->kv_s;
	return plan_predict_memory(graph, plan, params, ret);
}
