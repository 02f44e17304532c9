/* SPDX-License-Identifier: MIT */
/*
 * Where each part of a graph runs, and why there. Pure data and pure functions: what devices can do
 * and have is handed in, a plan comes out. Plans are made by partition.c (shares) and
 * partition_optimal.c (measured rates), their times told by predict.c, shown by plan_report.h,
 * carried out by the engine.
 */
#ifndef SLM_SCHEDULER_PLAN_H
#define SLM_SCHEDULER_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "graph.h"
#include "rates.h"

enum {
	PLAN_DEVICES_MAX = 16,
	PLAN_SEGMENTS_MAX = 256,
	PLAN_HOST =
		PLAN_DEVICES_MAX, /* in place of a device: the memory they share with the host */
};

/* What a device should be good at: many tokens of one text at once, or the next token. */
enum phase {
	PHASE_PREFILL,
	PHASE_DECODE,
	PHASES,
};

/*
 * Consecutive ops on one device; the one value that they need of those before is INPUT. Its rows may be
 * ROWS_OUTPUTS: in a step that wants no results nothing crosses then.
 */
struct plan_segment {
	uint32_t device; /* index into the devices the plan was made for */
	uint32_t first_op;
	uint32_t n_ops;
	int32_t input; /* or NO_VALUE, in the first segment */
	uint32_t first_layer;
	uint32_t n_layers; /* of which some ops are here; 0: outside the layers */
};

/*
 * All ops of the graph, in order. A device may have several segments, neighbours have different
 * devices. A segment begins where exactly one value lives: between layers, or inside of one, between
 * attention and what follows it.
 */
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
	const char *name; /* UTF-8 */
	double share;	  /* for partition_by_share(): of the weight bytes; only the ratio counts */
	/* for partition_optimal() and plan_predict() */
	const struct device_rates *rates;
	uint64_t memory_bytes; /* for weights, cache and values; UINT64_MAX: no limit of its own */
	bool shares_host;      /* its memory is the host's: see host_bytes */
};

/* The conversation that times are told for, and that a plan is the best for. */
struct plan_work {
	uint32_t n_batch;  /* tokens of a prefill step at most; not 0 */
	uint32_t depth;	   /* positions in the cache before the prompt */
	uint32_t n_prompt; /* tokens prefilled in one turn */
	uint32_t n_answer; /* tokens decoded in one turn, one a step */
	bool wants_all;	   /* the result of each token is wanted (embeddings), not the last one's */
};

/* A prompt of 512 tokens, an answer of 128, in batches of 512. */
extern const struct plan_work plan_work_default;

struct partition_params {
	const struct plan_device *devices;
	uint32_t n_devices;
	struct plan_work work;
	/* Of each of the model's layers: its cache where its attention runs, and one position of it. NULL:
	 * nothing; f16. */
	const uint64_t *kv_bytes;
	const uint64_t *kv_position_bytes;
	uint64_t value_bytes; /* on each device in use */
	/*
	 * For all devices that share the host's memory, together: weights count once, however many of
	 * them read them; caches and values once for each. UINT64_MAX: no limit.
	 */
	uint64_t host_bytes;
	/* Devices as bits, 1 << index. */
	uint32_t allowed[PHASES]; /* 0: all */
	uint32_t required;	  /* each gets some part, in either phase */
	const bool *supported;	  /* [n_devices][graph->n_ops]; NULL: every op on every device */
	bool is_given;		  /* nothing was weighed: somebody said where all is to run */
	const struct log *log;
};

/* ---- times ---- */

/* Seconds of a step: the mean of the phase's steps. */
struct segment_prediction {
	double run_s;	   /* of its ops and its start */
	double crossing_s; /* of what crosses into it before, out of one device and into the other */
	uint64_t crossing_bytes; /* in the largest step; 0 in the first segment */
};

struct phase_prediction {
	struct segment_prediction segments[PLAN_SEGMENTS_MAX]; /* as in the plan */
	uint32_t n_steps;				       /* of a turn */
	double result_s; /* of reading the result from the last device, mean of the steps */
	double total_s;	 /* of all steps of a turn */
	double tokens_s; /* tokens per second; 0 where there are none */
};

/*
 * Segments run one after another. Of each phase the steps are taken at their mean depth. Prefill steps
 * but the last give no result. INFINITY where a device cannot run what it is given.
 */
struct plan_prediction {
	struct phase_prediction phases[PHASES];
	/* Layers' caches that change devices: the prompt's positions before decoding, the answer's
	 * before the next prompt. */
	uint64_t kv_bytes;
	double kv_s;
	double total_s; /* of a turn: both phases and the caches; what partition_optimal() makes least */
	/*
	 * Prefill if each step were cut into n_parts, which follow each other through the devices: the
	 * first one's way through all, then the busiest device for each of the others. The best of 1,
	 * 2, 4, 8 and 16 parts; not what plans are chosen by.
	 */
	uint32_t n_parts;
	double pipelined_s;
	double pipelined_tokens_s;
	uint64_t device_bytes[PLAN_DEVICES_MAX]; /* weights, caches and values of both phases */
	uint64_t host_bytes;
	/* The limit that is missed by most, a device or PLAN_HOST, and by how much; 0: all fits. */
	uint32_t short_of;
	uint64_t short_bytes;
	/* Of partition_optimal() only: */
	bool proven;	/* no plan takes less time */
	double least_s; /* no plan takes less than this; total_s where proven */
};

/*
 * What PLAN, which must be of this graph and these devices, takes. 0; -EINVAL where a number in PARAMS
 * is none, is negative or absurd, or a device has no rates (logged).
 */
int plan_predict(const struct graph *graph, const struct plan *plan,
		 const struct partition_params *params, struct plan_prediction *ret_prediction);

/*
 * Of that only what it takes of memory, with the limit that is missed by most: device_bytes, host_bytes,
 * short_of and short_bytes. Needs no rates. 0 or -ENOMEM (logged).
 */
int plan_predict_memory(const struct graph *graph, const struct plan *plan,
			const struct partition_params *params,
			struct plan_prediction *ret_prediction);

/* Bytes of the matrices a segment reads, as in the file; a matrix shared by two ops counts once. */
uint64_t plan_weight_bytes(const struct graph *graph, const struct plan_segment *segment);

/* ---- making plans ---- */

/*
 * Cuts the graph between layers into one segment per device, in the devices' order, the same in both
 * phases, so that each holds about its share of the weight bytes. Devices that would get no layer are
 * left out. 0, or -EINVAL when there is no device or no positive share.
 */
int partition_by_share(const struct graph *graph, const struct plan_device *devices,
		       uint32_t n_devices, struct plan *ret_plan);

/*
 * The plan whose turn takes the least time of all that stay within every limit, phases one after
 * another (not in parts that overlap); a single device is preferred to equals. Never worse than the best single device
 * that is allowed and fits. Its work is bounded: where that ends the search early, the best so far
 * is given and ret_prediction->proven is false. Graphs that could be cut at more than
 * PLAN_SEGMENTS_MAX places are cut at some of them only.
 *
 * 0; -ENODEV when no device may run some op; -ENOMEM when nothing fits, or there is no memory for
 * planning; -EINVAL as for plan_predict(), or when the devices required cannot all be used. All
 * are logged and named.
 */
int partition_optimal(const struct graph *graph, const struct partition_params *params,
		      struct plan *ret_plan, struct plan_prediction *ret_prediction);

#endif
