/* SPDX-License-Identifier: MIT */
/*
 * Where each part of a graph runs: a flat list of segments in the order they run. Pure data; made by
 * partition.c, shown by plan_print.c, carried out by the engine.
 */
#ifndef SLM_SCHEDULER_PLAN_H
#define SLM_SCHEDULER_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "graph.h"

enum { PLAN_DEVICES_MAX = 16 };

/* Consecutive ops on one device; the value X crosses from each segment to the next. */
struct plan_segment {
	uint32_t device; /* index into the devices the plan was made for */
	uint32_t first_op;
	uint32_t n_ops;
	int32_t input; /* the value that arrives from the segment before, or NO_VALUE */
	uint32_t first_layer;
	uint32_t n_layers;
};

struct plan {
	struct plan_segment segments[PLAN_DEVICES_MAX];
	uint32_t n_segments;
};

/* What the scheduler knows of a device. */
struct plan_device {
	const char *name;
	double share; /* of the layers' weight bytes; only the ratio counts */
};

/*
 * Cuts the graph between layers into one segment per device, in the devices' order, so that each
 * holds about its share of the weight bytes. Devices that would get no layer are left out.
 * 0, or -EINVAL when there is no device or no positive share.
 */
int partition_by_share(const struct graph *graph, const struct plan_device *devices,
		       uint32_t n_devices, struct plan *ret_plan);

/* Bytes of the matrices a segment reads, as in the file; a matrix shared by two ops counts once. */
uint64_t plan_weight_bytes(const struct graph *graph, const struct plan_segment *segment);

/* Shows segments, devices, bytes and what crosses between them. */
void plan_print(const struct graph *graph, const struct plan *plan,
		const struct plan_device *devices, FILE *out);
int plan_print_json(const struct graph *graph, const struct plan *plan,
		    const struct plan_device *devices, FILE *out);

#endif
