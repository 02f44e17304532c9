// SPDX-License-Identifier: MIT
/* Owns the steps of a turn and their times on a device. Refuses to choose devices. */
#include <inttypes.h>

#include "array.h"
#include "cost.h"
#include "log.h"

/* Costs of a step are summed over its tokens. */
enum { STEP_TOKENS_MAX = 1 << 16 };

/* Of one cache or the values: sums of all there are fit into 64 bits. */
#define BUFFER_BYTES_MAX (UINT64_C(1) << 46)

const struct plan_work plan_work_default = {.n_batch = 512, .n_prompt = 512, .n_answer = 128};

static int check_work(const struct plan_work *work, const struct log *log)
{
	uint64_t all = (uint64_t)work->depth + work->n_prompt + work->n_answer;

	if (work->n_batch == 0)
		return log_error(log, EINVAL, "a plan for batches of no tokens cannot be made");
	if (work->n_prompt == 0 && work->n_answer == 0)
		return log_error(log, EINVAL,
				 "a plan for neither a prompt nor an answer cannot be made");
	if (all > MODEL_CONTEXT_MAX)
		return log_error(log, EINVAL,
				 "a plan for %" PRIu64 " positions cannot be made: at most %d", all,
				 MODEL_CONTEXT_MAX);
	if (MIN(work->n_batch, work->n_prompt) > STEP_TOKENS_MAX)
		return log_error(log, EINVAL,
				 "a plan for batches of %" PRIu32 " tokens cannot be made: at "
				 "most %d",
				 work->n_batch, STEP_TOKENS_MAX);
	return 0;
}

static int check_device(const struct plan_device *device, const struct log *log)
{
	const char *fault = device->rates ? device_rates_fault(device->rates) : "";

	if (!device->rates)
		return log_error(log, EINVAL,
				 "there are no rates of %s: calibrate it, or place by shares",
				 device->name);
	if (fault)
		return log_error(log, EINVAL,
				 "the rates of %s cannot be true: %s is no number, negative or "
				 "absurd; calibrate it again",
				 device->name, fault);
	return 0;
}

static int check_buffers(const struct graph *graph, const struct partition_params *params)
{
	uint64_t most = params->value_bytes;

	for (uint32_t i = 0; params->kv_bytes && i < graph->model->n_layers; i++)
		most = MAX(most, params->kv_bytes[i]);
	for (uint32_t i = 0; params->kv_position_bytes && i < graph->model->n_layers; i++)
		most = MAX(most, MIN(params->kv_position_bytes[i], BUFFER_BYTES_MAX) * 512);
	if (most <= BUFFER_BYTES_MAX)
		return 0;
	return log_error(params->log, EINVAL,
			 "a plan for a cache or values of %" PRIu64 " bytes cannot be made", most);
}

int cost_check(const struct graph *graph, const struct partition_params *params)
{
	int r = check_work(&params->work, params->log);

	if (r == 0 && (params->n_devices == 0 || params->n_devices > PLAN_DEVICES_MAX))
		r = log_error(params->log, EINVAL,
			      "a plan for %" PRIu32 " devices cannot be made: 1 to %d",
			      params->n_devices, PLAN_DEVICES_MAX);
	if (r == 0 && graph->n_ops == 0)
		r = log_error(params->log, EINVAL, "a plan for nothing cannot be made");
	for (uint32_t i = 0; r == 0 && i < params->n_devices; i++)
		r = check_device(&params->devices[i], params->log);
	return r < 0 ? r : check_buffers(graph, params);
}

/* ---- steps ---- */

static void add_kind(struct phase_steps *steps, uint32_t n_steps, struct step_shape shape)
{
	if (n_steps == 0)
		return;
	steps->kinds[steps->n_kinds++] = (struct step_kind){shape, n_steps};
	steps->n_steps += n_steps;
}

static struct phase_steps prefill_steps(const struct plan_work *work)
{
	uint32_t n = (uint32_t)div_up(work->n_prompt, work->n_batch);
	uint32_t n_last = work->n_prompt - (n > 0 ? n - 1 : 0) * work->n_batch;
	uint32_t before_last = work->depth + work->n_prompt - n_last;
	struct phase_steps steps = {0};

	if (n == 0)
		return steps;
	/* The full ones begin at depth, depth + n_batch, ...: here is their mean. */
	add_kind(&steps, n - 1,
		 (struct step_shape){
			 .n_tokens = work->n_batch,
			 .n_outputs = work->wants_all ? work->n_batch : 0,
			 .depth = work->depth +
				  (uint32_t)((uint64_t)work->n_batch * (n > 1 ? n - 2 : 0) / 2),
		 });
	add_kind(&steps, 1,
		 (struct step_shape){
			 .n_tokens = n_last,
			 .n_outputs = work->wants_all ? n_last : 1,
			 .depth = before_last,
		 });
	return steps;
}

struct phase_steps cost_steps(const struct plan_work *work, enum phase phase)
{
	struct phase_steps steps = {0};

	if (phase == PHASE_PREFILL)
		return prefill_steps(work);
	add_kind(&steps, work->n_answer,
		 (struct step_shape){
			 .n_tokens = 1,
			 .n_outputs = 1,
			 .depth = work->depth + work->n_prompt +
				  (work->n_answer > 0 ? work->n_answer - 1 : 0) / 2,
		 });
	return steps;
}

/* ---- times ---- */

void cost_op_devices(const struct graph *graph, const struct op *op,
		     const struct partition_params *params, const struct phase_steps *steps,
		     double *ret_seconds)
{
	for (uint32_t d = 0; d < params->n_devices; d++)
		ret_seconds[d] = 0;
	for (uint32_t k = 0; k < steps->n_kinds; k++) {
		const struct step_shape *shape = &steps->kinds[k].shape;
		struct op_cost cost =
			op_cost(graph, op, shape->n_tokens, shape->n_outputs, shape->depth);

		for (uint32_t d = 0; d < params->n_devices; d++)
			ret_seconds[d] +=
				steps->kinds[k].n_steps *
				op_cost_seconds(graph, op, params->devices[d].rates, shape, &cost);
	}
}

double cost_op(const struct graph *graph, const struct op *op, const struct device_rates *rates,
	       const struct phase_steps *steps)
{
	double seconds = 0;

	for (uint32_t k = 0; k < steps->n_kinds; k++)
		seconds += steps->kinds[k].n_steps *
			   op_seconds(graph, op, rates, &steps->kinds[k].shape);
	return seconds;
}

uint64_t cost_value_bytes(const struct graph *graph, int32_t value, const struct step_shape *shape)
{
	const struct value *v = &graph->values[value];
	uint64_t rows = v->rows == ROWS_TOKENS ? shape->n_tokens : shape->n_outputs;

	return rows * v->n_cols * sizeof(float);
}

double cost_link(const struct graph *graph, int32_t value, const struct device_rates *rates,
		 const struct phase_steps *steps)
{
	double seconds = 0;

	for (uint32_t k = 0; k < steps->n_kinds; k++) {
		uint64_t bytes = cost_value_bytes(graph, value, &steps->kinds[k].shape);

		if (bytes > 0)
			seconds += steps->kinds[k].n_steps * link_seconds(rates, bytes);
	}
	return seconds;
}

/* ---- caches ---- */

uint64_t cost_kv_bytes(const struct partition_params *params, const struct op *op)
{
	return op->kind == OP_ROPE && params->kv_bytes ? params->kv_bytes[op->layer] : 0;
}

static uint64_t moved(const struct partition_params *params, const struct op *op,
		      uint64_t n_positions)
{
	uint64_t position = 2 * (uint64_t)op->n_head_kv * op->head_dim * sizeof(uint16_t);

	if (op->kind != OP_ROPE)
		return 0;
	if (params->kv_position_bytes)
		position = params->kv_position_bytes[op->layer];
	return position * (op->window > 0 ? MIN(n_positions, op->window) : n_positions);
}

uint64_t cost_kv_moved(const struct partition_params *params, const struct op *op)
{
	return moved(params, op, params->work.n_prompt) + moved(params, op, params->work.n_answer);
}

double cost_kv_move(const struct partition_params *params, const struct op *op,
		    const struct device_rates *rates)
{
	uint64_t prompt = moved(params, op, params->work.n_prompt);
	uint64_t answer = moved(params, op, params->work.n_answer);

	return (prompt > 0 ? link_seconds(rates, prompt) : 0) +
	       (answer > 0 ? link_seconds(rates, answer) : 0);
}

bool cost_may_run(const struct graph *graph, const struct partition_params *params, uint32_t device,
		  uint32_t op)
{
	return !params->supported || params->supported[(size_t)device * graph->n_ops + op];
}
