/* SPDX-License-Identifier: MIT */
/*
 * The cost model: what steps a turn of a conversation has and what they take on a device. Inside of
 * the scheduler; predict.c and partition_optimal.c tell the same times by it.
 */
#ifndef SLM_SCHEDULER_COST_H
#define SLM_SCHEDULER_COST_H

#include "plan.h"

/* Steps of one shape; a phase has the same number of rows in all but its last. */
struct step_kind {
	struct step_shape shape;
	uint32_t n_steps;
};

struct phase_steps {
	struct step_kind kinds[2]; /* those without steps are left out */
	uint32_t n_kinds;
	uint32_t n_steps;
};

/* 0, or -EINVAL where a number cannot be, logged. To be asked before anything else here. */
int cost_check(const struct graph *graph, const struct partition_params *params);

struct phase_steps cost_steps(const struct plan_work *work, enum phase phase);

/* All steps: of an op, of VALUE on its way between the host and a device. */
double cost_op(const struct graph *graph, const struct op *op, const struct device_rates *rates,
	       const struct phase_steps *steps);
double cost_link(const struct graph *graph, int32_t value, const struct device_rates *rates,
		 const struct phase_steps *steps);
/* The same for an op on N devices at once. */
void cost_op_devices(const struct graph *graph, const struct op *op,
		     const struct partition_params *params, const struct phase_steps *steps,
		     double *ret_seconds);
uint64_t cost_value_bytes(const struct graph *graph, int32_t value, const struct step_shape *shape);

/* Memory of the cache of the op's layer; 0 where the op does not keep one. */
uint64_t cost_kv_bytes(const struct partition_params *params, const struct op *op);

/* One end of moving the cache that the op keeps between the phases' devices and back: bytes of both
 * ways, and their time on the link of a device. */
uint64_t cost_kv_moved(const struct partition_params *params, const struct op *op);
double cost_kv_move(const struct partition_params *params, const struct op *op,
		    const struct device_rates *rates);

bool cost_may_run(const struct graph *graph, const struct partition_params *params, uint32_t device,
		  uint32_t op);

#endif
