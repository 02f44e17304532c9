// SPDX-License-Identifier: MIT
/* Owns the time an op takes by a device's rates. Refuses to measure anything. */
#include <math.h>

#include "rates.h"

static double limit(double amount, double rate)
{
	return rate > 0 ? amount / rate : 0;
}

/* Matrices of several types may meet in one op; the op's work is shared out by their bytes. */
static double weights_seconds(const struct op *op, const struct device_rates *rates,
			      const struct op_cost *cost)
{
	double all = 0, seconds = 0;

	for (uint32_t i = 0; i < op->n_weights; i++)
		all += (double)matrix_bytes(op->weight[i]);
	for (uint32_t i = 0; i < op->n_weights; i++) {
		enum tensor_type type = op->weight[i]->type;
		double part = (double)matrix_bytes(op->weight[i]) / all;

		if (rates->weights_bytes_s[type] <= 0 && rates->macs_s[type] <= 0)
			return INFINITY;
		seconds +=
			fmax(limit(part * (double)cost->weight_bytes, rates->weights_bytes_s[type]),
			     limit(part * (double)cost->flops / 2, rates->macs_s[type]));
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

double op_seconds(const struct graph *graph, const struct op *op, const struct device_rates *rates,
		  const struct step_shape *shape)
{
	struct op_cost cost;

	if (op->when == WHEN_ADAPTED)
		return 0;
	cost = op_cost(graph, op, shape->n_tokens, shape->n_outputs, shape->depth);
	return rates->launch_s + work_seconds(op, rates, &cost, shape->n_tokens) +
	       limit((double)cost.value_bytes, rates->values_bytes_s);
}

double link_seconds(const struct device_rates *rates, uint64_t bytes)
{
	return rates->link_s + limit((double)bytes, rates->link_bytes_s);
}
