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

#include "rates.h"

enum {
	PLAN_DEVICES_MAX = 16,
	PLAN_SEGMENTS_MAX = 64,
};

/* What a device should be good at: many tokens of one text at once, or the next token. */
enum phase {
	PHASE_PREFILL,
	PHASE_DECODE,
	PHASES,
};

/* Consecutive ops on one device; the one value that they need of those before is INPUT. */
struct plan_segment {
	uint32_t device; /* index into the devices the plan was made for */
	uint32_t first_op;
	uint32_t n_ops;
	int32_t input; /* or NO_VALUE, in the first segment */
	uint32_t first_layer;
	uint32_t n_layers; /* 0: outside the layers */
};

/* All ops of the graph, in order. A device may have several segments. */
struct phase_plan {
	struct plan_segment segments[PLAN_SEGMENTS_MAX];
	uint32_t n_segments;
};

/*
 * Where a layer's attention runs on different devices in the two phases, its cache is copied from one to
 * the other when the phase changes.
 */
struct plan {
	struct phase_plan phases[PHASES];
};

/* What the scheduler knows of a device. */
struct plan_device {
	const char *name;
	double share; /* for partition_by_share(): of the weight bytes; only the ratio counts */
	/* for partition_optimal() */
	const struct device_rates *rates;
	uint64_t memory_bytes; /* for weights, cache and values; UINT64_MAX: no limit of its own */
	bool shares_host; /* its memory is the host's: weights cost it nothing beyond the host */
};

/*
 * Cuts the graph between layers into one segment per device, in the devices' order, the same in both
 * phases, so that each holds about its share of the weight bytes. Devices that would get no layer are
 * left out. 0, or -EINVAL when there is no device or no positive share.
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
