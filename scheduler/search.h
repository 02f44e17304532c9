/* SPDX-License-Identifier: MIT */
/*
 * The search for the cheapest way through stages, each on one device per phase, within limits of
 * memory: a shortest path with resources. Inside of the scheduler; knows no graph.
 *
 * Without limits, and with their prices (Lagrange multipliers) in their place, it is a plain shortest
 * path, solved backwards; that bounds from below what the rest of a path may cost. With limits,
 * labels go from stage to stage; one that costs no less and has used no less of anything than another
 * on the same devices is dropped, as is one whose bound is above a path that is known.
 */
#ifndef SLM_SCHEDULER_SEARCH_H
#define SLM_SCHEDULER_SEARCH_H

#include "plan.h"

enum { SEARCH_LIMITS = PLAN_DEVICES_MAX + 1 }; /* of each device, and PLAN_HOST */

/* Seconds are of all steps of a phase. */
struct search_stage {
	double run_s[PHASES][PLAN_DEVICES_MAX]; /* INFINITY: not there */
	/* Of the value that crosses before the stage, and of a segment's start, where devices change. */
	double out_s[PHASES][PLAN_DEVICES_MAX];
	double in_s[PHASES][PLAN_DEVICES_MAX];
	/* Of its caches, where its phases have different devices: the sum over both. */
	double move_s[PLAN_DEVICES_MAX];
	uint64_t weight_bytes; /* the shared one apart */
	uint64_t kv_bytes;
	bool reads_shared;
};

struct search_problem {
	struct search_stage *stages; /* [n_stages] */
	uint32_t n_stages;	     /* 1 to PLAN_SEGMENTS_MAX */
	uint32_t n_devices;
	bool one_phase; /* the other has no steps: a stage has the same device in both */
	double result_s[PHASES][PLAN_DEVICES_MAX];
	uint64_t limit_bytes[SEARCH_LIMITS];
	uint64_t shared_bytes; /* once on each device that has a stage that reads it */
	uint64_t value_bytes;  /* once on each device in use */
	uint32_t host_devices; /* as bits: they share PLAN_HOST, where weights count once */
	uint32_t required;     /* as bits */
	/* A device before it that differs in nothing, or -1: of such, the first is used first. */
	int8_t twin[PLAN_DEVICES_MAX];
};

struct search_path {
	uint8_t device[PHASES][PLAN_SEGMENTS_MAX];
	double cost_s;
};

struct search_result {
	bool found;
	bool proven;	/* no path is cheaper; where none was found: there is none */
	double least_s; /* no path within the limits is cheaper */
	struct search_path best;
	/* Of those that were looked at and missed a limit, the one that missed it by least. */
	bool has_closest;
	uint64_t closest_short_bytes;
	struct search_path closest;
};

/* MAX_WORK bounds the labels that are made. 0 or -ENOMEM, not logged. */
int search_run(const struct search_problem *problem, uint32_t max_work, struct search_result *ret);

/* ---- shared by search.c, search_labels.c and search_improve.c ---- */

/* What the rest of a path costs at least, [n_stages][n_devices * n_devices] by the devices of its stage. */
struct search_bounds {
	double *plain;
	double *priced;		      /* with what it uses, at these prices per byte */
	double prices[SEARCH_LIMITS]; /* 0 where a limit cannot be missed */
};

/* Costs closer than this part are the same. */
#define SEARCH_EPSILON 1e-11

static inline double search_node(const struct search_problem *problem, uint32_t stage, uint32_t a,
				 uint32_t b)
{
	const struct search_stage *s = &problem->stages[stage];

	return s->run_s[PHASE_PREFILL][a] + s->run_s[PHASE_DECODE][b] +
	       (a == b ? 0 : s->move_s[a] + s->move_s[b]);
}

/* From device FROM to device TO before the stage; of the first stage, to TO. */
static inline double search_change(const struct search_problem *problem, uint32_t stage,
				   enum phase phase, uint32_t from, uint32_t to)
{
	const struct search_stage *s = &problem->stages[stage];

	if (stage == 0)
		return s->in_s[phase][to];
	return from == to ? 0 : s->out_s[phase][from] + s->in_s[phase][to];
}

/* Keeps PATH where it is the best so far, or the closest. */
void search_consider(const struct search_problem *problem, struct search_path *path,
		     struct search_result *result);

/*
 * Goes from stage to stage with labels. BY_MEMORY: those that use least of the limits are kept where
 * there are too many, not those that promise to be cheapest. 0 or -ENOMEM.
 */
int search_labels(const struct search_problem *problem, const struct search_bounds *bounds,
		  uint32_t max_work, bool by_memory, struct search_result *result);

/* Tries at most MAX_TRIES changes to the best path, if one was found. */
void search_improve(const struct search_problem *problem, uint32_t max_tries,
		    struct search_result *result);

/* Can the limit be missed at all? */
bool search_limit_counts(const struct search_problem *problem, uint32_t limit);

#endif
