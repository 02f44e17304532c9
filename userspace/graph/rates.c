// SPDX-License-Identifier: MIT
/* Owns the time an op takes by a device's rates. Refuses to measure anything. */
#include <math.h>

#include "array.h"
#include "rates.h"

static bool time_can_be(double seconds)
{
	return seconds >= 0 && seconds <= 1e6;
}

static bool rate_can_be(double rate)
{
	return rate == 0 || (rate >= 1 && rate <= 1e30);
}

const char *device_rates_fault(const struct device_rates *rates)
{
	const struct {
		const char *name;
		bool can_be;
	} members[] = {
		{"run_s", time_can_be(rates->run_s)},
		{"launch_s", time_can_be(rates->launch_s)},
		{"attention_one_macs_s", rate_can_be(rates->attention_one_macs_s)},
		{"attention_many_macs_s", rate_can_be(rates->attention_many_macs_s)},
		{"values_bytes_s", rate_can_be(rates->values_bytes_s)},
		{"link_s", time_can_be(rates->link_s)},
		{"link_bytes_s", rate_can_be(rates->link_bytes_s)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		if (!members[i].can_be)
			return members[i].name;
	}
	for (int i = 0; i < TENSOR_TYPE_IDS; i++) {
		if (!rate_can_be(rates->weights_bytes_s[i]))
			return "weights_bytes_s";
		if (!rate_can_be(rates->macs_s[i]))
			return "macs_s";
	}
	return NULL;
}

static double limit(double amount, double rate)
{
	return rate > 0 ? amount / rate : 0;
}

static double matrix_values(const struct matrix *matrix)
{
	return (double)matrix->n_experts * matrix->n_rows * matrix->n_cols;
}

/* Of the op's bytes each matrix has a part as large as it is, of its multiply-adds as many as it has values. */
static double weights_seconds(const struct op *op, const struct device_rates *rates,
			      const struct op_cost *cost)
{
	double bytes = 0, values = 0, seconds = 0;

	for (uint32_t i = 0; i < op->n_weights; i++) {
		bytes += (double)matrix_bytes(op->weight[i]);
		values += matrix_values(op->weight[i]);
	}
	if (!(bytes > 0 && values > 0))
		return 0;
	for (uint32_t i = 0; i < op->n_weights; i++) {
		const struct matrix *matrix = op->weight[i];
		double read = (double)cost->weight_bytes * (double)matrix_bytes(matrix) / bytes;
		double macs = (double)cost->flops / 2 * matrix_values(matrix) / values;
		double bytes_s = rates->weights_bytes_s[matrix->type];
		double macs_s = rates->macs_s[matrix->type];

		if (!(bytes_s > 0) && !(macs_s > 0))
			return INFINITY;
		seconds += fmax(limit(read, bytes_s), limit(macs, macs_s));
	}
	return seconds;
}

static double work_seconds(const struct op *op, const struct device_rates *rates,
			   const struct op_cost *cost, uint32_t n_tokens)
{
	if (op->kind == OP_ATTENTION)
		return limit((double)cost->flops / 2, n_tokens == 1 ? rates->attention_one_macs_s
								    : rates->attention_many_macs_s);
	if (op->kind == OP_EMBED || op->n_weights == 0)
		return 0;
	return weights_seconds(op, rates, cost);
}

static bool has_rows(const struct graph *graph, const struct op *op, const struct step_shape *shape)
{
	return graph->values[op->out[0]].rows == ROWS_TOKENS ? shape->n_tokens > 0
							     : shape->n_outputs > 0;
}

double op_cost_seconds(const struct graph *graph, const struct op *op,
		       const struct device_rates *rates, const struct step_shape *shape,
		       const struct op_cost *cost)
{
	double work;

	if (op->when == WHEN_ADAPTED)
		return 0;
	work = work_seconds(op, rates, cost, shape->n_tokens);
	if (!has_rows(graph, op, shape) && isfinite(work))
		return rates->launch_s;
	return rates->launch_s + work + limit((double)cost->value_bytes, rates->values_bytes_s);
}

double op_seconds(const struct graph *graph, const struct op *op, const struct device_rates *rates,
		  const struct step_shape *shape)
{
	struct op_cost cost = op_cost(graph, op, shape->n_tokens, shape->n_outputs, shape->depth);

	return op_cost_seconds(graph, op, rates, shape, &cost);
}

double link_seconds(const struct device_rates *rates, uint64_t bytes)
{
	return rates->link_s + limit((double)bytes, rates->link_bytes_s);
}
