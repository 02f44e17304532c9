/* SPDX-License-Identifier: MIT */
/*
 * How long an op takes on a device, by the device's measured rates. Rates are measured by
 * calibration (device/calibrate.h) and used by the scheduler; here is what they mean.
 */
#ifndef SLM_GRAPH_RATES_H
#define SLM_GRAPH_RATES_H

#include "graph.h"

/* Seconds, bytes per second, multiply-adds per second. A rate of 0 was not measured. */
struct device_rates {
	double run_s;				 /* a run of a segment, beyond its ops */
	double launch_s;			 /* an op, beyond its work */
	double weights_bytes_s[TENSOR_TYPE_IDS]; /* matmul, one row: bytes as in the file */
	double macs_s[TENSOR_TYPE_IDS];		 /* matmul, many rows */
	double attention_one_macs_s;		 /* attention, one row */
	double attention_many_macs_s;		 /* attention, many rows */
	double values_bytes_s; /* the values that an op reads and writes, beside the above */
	double link_s;	       /* a write or a read of a value by the host */
	double link_bytes_s;
};

/* What a step is, as far as costs go. */
struct step_shape {
	uint32_t n_tokens;  /* rows */
	uint32_t n_outputs; /* of which results are wanted */
	uint32_t depth;	    /* positions before them */
};

/*
 * The name of the first member that cannot be true: not a number, negative, a time above a
 * million seconds, a rate above 1e30 or between 0 and 1 a second. NULL: all can; every time made of them
 * is finite then, or INFINITY as below.
 */
const char *device_rates_fault(const struct device_rates *rates);

/*
 * launch_s + the longer of its weights at weights_bytes_s and its multiply-adds at macs_s
 * (attention: its multiply-adds at a rate of its own) + its values at values_bytes_s, because a
 * matrix's inputs are normed and rounded before it begins. The matrices of an op come one after
 * another, each at the rates of its type. What has a rate of 0 does not count, but an op with weights
 * of a type whose rates are both 0 takes INFINITY: the device was not measured for it. An op without
 * rows takes launch_s, one that only runs for adapters takes 0. A step on one device takes run_s +
 * that of all its ops + link_seconds() of what is read back.
 */
double op_seconds(const struct graph *graph, const struct op *op, const struct device_rates *rates,
		  const struct step_shape *shape);

/* The same for many devices: COST is op_cost() of the op for the shape. */
double op_cost_seconds(const struct graph *graph, const struct op *op,
		       const struct device_rates *rates, const struct step_shape *shape,
		       const struct op_cost *cost);

/* One way between the host and a device, for BYTES. */
double link_seconds(const struct device_rates *rates, uint64_t bytes);

#endif
