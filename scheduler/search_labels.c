// SPDX-License-Identifier: MIT
/*
 * Owns the labels of a search: beginnings of paths with what they have used. Where there are more
 * than may be kept, those with the highest bounds are lost, and the lowest of these is remembered: if
 * the best path in the end is not above it, nothing was lost.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "search.h"

enum {
	WIDTH_MIN = 8,
	WIDTH_MAX = 4096,
	STATES_MAX = PLAN_DEVICES_MAX * PLAN_DEVICES_MAX,
};

struct label {
	double cost_s;
	double bound_s; /* of the whole path */
	double rank;	/* the lower the better: bound_s, or what part of the limits is used */
	uint32_t parent;
	uint16_t devices, shared; /* as bits: in use, with the shared matrix */
	uint8_t device[PHASES];
	uint64_t used_bytes[]; /* [n_limits] */
};

/* How a label came to be; all are kept for the way back. */
struct trace {
	uint32_t parent;
	uint8_t device[PHASES];
};

struct pass {
	const struct search_problem *problem;
	const struct search_bounds *bounds;
	struct search_result *result;
	bool by_memory;
	uint32_t limits[SEARCH_LIMITS]; /* those that count */
	uint32_t n_limits;
	int slots[SEARCH_LIMITS]; /* where in used_bytes, or -1 */
	uint32_t width;		  /* labels kept of a stage */
	size_t label_bytes;
	uint8_t *now, *made; /* labels of a stage; of the next before choice */
	uint32_t n_now, n_made;
	struct trace *traces;	/* [n_stages][width] */
	int32_t *siblings;	/* [width]: an earlier label on the same devices, or -1 */
	struct label **order;	/* [n_made] */
	uint64_t *needed_bytes; /* [n_stages + 1]: at least, from a stage to the end */
	double lost_s;		/* the lowest bound of those that were lost */
};

static struct label *label_at(const struct pass *pass, uint8_t *labels, uint32_t i)
{
	return (struct label *)(labels + i * pass->label_bytes);
}

/* ---- memory ---- */

static void use(const struct pass *pass, struct label *label, uint32_t limit, uint64_t bytes)
{
	if (pass->slots[limit] >= 0)
		label->used_bytes[pass->slots[limit]] += bytes;
}

static void use_on(const struct pass *pass, struct label *label, const struct search_stage *stage,
		   uint32_t device)
{
	const struct search_problem *problem = pass->problem;
	uint64_t own = stage->kv_bytes;

	if (!(label->devices & 1U << device))
		own += problem->value_bytes;
	if (problem->host_devices & 1U << device)
		use(pass, label, PLAN_HOST, own);
	own += stage->weight_bytes;
	if (stage->reads_shared && !(label->shared & 1U << device))
		own += problem->shared_bytes;
	use(pass, label, device, own);
}

static void use_stage(const struct pass *pass, struct label *label,
		      const struct search_stage *stage)
{
	const struct search_problem *problem = pass->problem;
	uint32_t a = label->device[PHASE_PREFILL], b = label->device[PHASE_DECODE];
	uint32_t devices = 1U << a | 1U << b;

	if (devices & problem->host_devices) {
		use(pass, label, PLAN_HOST, stage->weight_bytes);
		if (stage->reads_shared && !(label->shared & problem->host_devices))
			use(pass, label, PLAN_HOST, problem->shared_bytes);
	}
	use_on(pass, label, stage, a);
	if (a != b)
		use_on(pass, label, stage, b);
	label->devices |= (uint16_t)devices;
	if (stage->reads_shared)
		label->shared |= (uint16_t)devices;
}

static uint64_t left_of(const struct pass *pass, const struct label *label, uint32_t limit)
{
	int slot = pass->slots[limit];

	return slot < 0 ? UINT64_MAX : pass->problem->limit_bytes[limit] - label->used_bytes[slot];
}

static uint64_t add_left(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Within all limits, and is there room for one copy of all that comes after STAGE? */
static bool fits(const struct pass *pass, const struct label *label, uint32_t stage)
{
	const struct search_problem *problem = pass->problem;
	uint64_t host = 0, own = 0;

	for (uint32_t k = 0; k < pass->n_limits; k++) {
		if (label->used_bytes[k] > problem->limit_bytes[pass->limits[k]])
			return false;
	}
	for (uint32_t d = 0; d < problem->n_devices; d++) {
		uint64_t left = left_of(pass, label, d);

		if (problem->host_devices & 1U << d)
			host = add_left(host, left);
		else
			own = add_left(own, left);
	}
	host = MIN(host, left_of(pass, label, PLAN_HOST));
	return add_left(own, host) >= pass->needed_bytes[stage + 1];
}

static void find_needed(struct pass *pass)
{
	const struct search_problem *problem = pass->problem;
	bool was_read = false;

	/* The shared matrix is needed again only by a device that does not have it. */
	for (uint32_t i = problem->n_stages; i-- > 0;)
		pass->needed_bytes[i] = pass->needed_bytes[i + 1] +
					problem->stages[i].weight_bytes +
					problem->stages[i].kv_bytes;
	for (uint32_t i = 0; i < problem->n_stages && !was_read; i++) {
		was_read = problem->stages[i].reads_shared;
		pass->needed_bytes[i] += problem->shared_bytes;
	}
}

/* ---- comparing ---- */

/* Has A used no more than B of LIMIT, whatever comes after? */
static bool uses_no_more(const struct pass *pass, const struct label *a, const struct label *b,
			 uint32_t k)
{
	const struct search_problem *problem = pass->problem;
	uint32_t limit = pass->limits[k];
	uint64_t later = 0;

	/* What B has already and A may have to pay yet. */
	if (limit == PLAN_HOST) {
		uint32_t hosts = problem->host_devices;

		later += problem->value_bytes *
			 (uint64_t)__builtin_popcount(b->devices & ~a->devices & hosts);
		if ((b->shared & hosts) && !(a->shared & hosts))
			later += problem->shared_bytes;
	} else {
		if (b->devices & ~a->devices & 1U << limit)
			later += problem->value_bytes;
		if (b->shared & ~a->shared & 1U << limit)
			later += problem->shared_bytes;
	}
	return a->used_bytes[k] + later <= b->used_bytes[k];
}

/* Both are on the same devices. */
static bool dominates(const struct pass *pass, const struct label *a, const struct label *b)
{
	if (a->cost_s > b->cost_s || (b->devices & ~a->devices & pass->problem->required))
		return false;
	for (uint32_t k = 0; k < pass->n_limits; k++) {
		if (!uses_no_more(pass, a, b, k))
			return false;
	}
	return true;
}

static void set_bound(const struct pass *pass, struct label *label, uint32_t stage)
{
	const struct search_problem *problem = pass->problem;
	uint32_t n = problem->n_devices;
	size_t state = ((size_t)stage * n + label->device[PHASE_PREFILL]) * n +
		       label->device[PHASE_DECODE];
	double priced = pass->bounds->priced[state], part = 0;

	for (uint32_t k = 0; k < pass->n_limits; k++) {
		double limit = (double)problem->limit_bytes[pass->limits[k]];
		double used = (double)label->used_bytes[k];

		priced -= pass->bounds->prices[pass->limits[k]] * (limit - used);
		part += used / fmax(limit, 1);
	}
	label->bound_s = label->cost_s + fmax(pass->bounds->plain[state], priced);
	label->rank = pass->by_memory ? part : label->bound_s;
}

static bool is_hopeless(const struct pass *pass, double bound_s)
{
	const struct search_result *result = pass->result;

	return !(bound_s < INFINITY) ||
	       (result->found && bound_s >= result->best.cost_s * (1 - SEARCH_EPSILON));
}

/* ---- stages ---- */

/* Of devices that do not differ, one is taken only after the one before it. */
static bool may_enter(const struct search_problem *problem, uint32_t devices, uint32_t device)
{
	return problem->twin[device] < 0 || (devices & 1U << problem->twin[device]);
}

static void make(struct pass *pass, const struct label *from, uint32_t parent, uint32_t stage,
		 uint32_t a, uint32_t b, double cost_s)
{
	struct label *label = label_at(pass, pass->made, pass->n_made);

	*label = *from;
	for (uint32_t k = 0; k < pass->n_limits; k++)
		label->used_bytes[k] = from->used_bytes[k];
	label->cost_s = cost_s;
	label->parent = parent;
	label->device[PHASE_PREFILL] = (uint8_t)a;
	label->device[PHASE_DECODE] = (uint8_t)b;
	use_stage(pass, label, &pass->problem->stages[stage]);
	if (!fits(pass, label, stage))
		return;
	set_bound(pass, label, stage);
	if (!is_hopeless(pass, label->bound_s))
		pass->n_made++;
}

/* All that may follow FROM, which is label PARENT of the stage before. */
static void expand(struct pass *pass, const struct label *from, uint32_t parent, uint32_t stage)
{
	const struct search_problem *problem = pass->problem;
	uint32_t n = problem->n_devices;
	const double *plain = pass->bounds->plain + (size_t)stage * n * n;

	for (uint32_t a = 0; a < n; a++) {
		double to_a = from->cost_s + search_change(problem, stage, PHASE_PREFILL,
							   from->device[PHASE_PREFILL], a);

		if (!may_enter(problem, from->devices, a))
			continue;
		for (uint32_t b = 0; b < n; b++) {
			double cost = to_a +
				      search_change(problem, stage, PHASE_DECODE,
						    from->device[PHASE_DECODE], b) +
				      search_node(problem, stage, a, b);

			if ((a != b && problem->one_phase) ||
			    !may_enter(problem, from->devices | 1U << a, b) ||
			    is_hopeless(pass, cost + plain[a * n + b]))
				continue;
			make(pass, from, parent, stage, a, b, cost);
		}
	}
}

static int compare_labels(const void *a, const void *b)
{
	const struct label *x = *(struct label *const *)a, *y = *(struct label *const *)b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->cost_s != y->cost_s)
		return x->cost_s < y->cost_s ? -1 : 1;
	return x < y ? -1 : x > y;
}

static bool is_dominated(const struct pass *pass, const int32_t *first, const struct label *label)
{
	uint32_t state = label->device[PHASE_PREFILL] * pass->problem->n_devices +
			 label->device[PHASE_DECODE];

	for (int32_t i = first[state]; i >= 0; i = pass->siblings[i]) {
		if (dominates(pass, label_at(pass, pass->now, (uint32_t)i), label))
			return true;
	}
	return false;
}

static void keep(struct pass *pass, int32_t *first, const struct label *label, uint32_t stage)
{
	uint32_t state = label->device[PHASE_PREFILL] * pass->problem->n_devices +
			 label->device[PHASE_DECODE];
	struct trace *trace = &pass->traces[(size_t)stage * pass->width + pass->n_now];

	memcpy(label_at(pass, pass->now, pass->n_now), label, pass->label_bytes);
	trace->parent = label->parent;
	trace->device[PHASE_PREFILL] = label->device[PHASE_PREFILL];
	trace->device[PHASE_DECODE] = label->device[PHASE_DECODE];
	pass->siblings[pass->n_now] = first[state];
	first[state] = (int32_t)pass->n_now++;
}

/* Of the labels made those with the lowest ranks stay, without any that another dominates. */
static void choose(struct pass *pass, uint32_t stage)
{
	int32_t first[STATES_MAX]; /* of the labels kept, by their devices; or -1 */

	for (uint32_t i = 0; i < STATES_MAX; i++)
		first[i] = -1;
	for (uint32_t i = 0; i < pass->n_made; i++)
		pass->order[i] = label_at(pass, pass->made, i);
	qsort(pass->order, pass->n_made, sizeof(struct label *), compare_labels);
	pass->n_now = 0;
	for (uint32_t i = 0; i < pass->n_made; i++) {
		const struct label *label = pass->order[i];

		if (pass->n_now == pass->width)
			pass->lost_s = fmin(pass->lost_s, label->bound_s);
		else if (!is_dominated(pass, first, label))
			keep(pass, first, label, stage);
	}
}

static void finish_best(struct pass *pass)
{
	uint32_t last = pass->problem->n_stages - 1, at = 0;
	double lowest = INFINITY;
	struct search_path path;

	for (uint32_t i = 0; i < pass->n_now; i++) {
		const struct label *label = label_at(pass, pass->now, i);

		if ((pass->problem->required & ~(uint32_t)label->devices) == 0 &&
		    label->bound_s < lowest) {
			lowest = label->bound_s;
			at = i;
		}
	}
	if (!(lowest < INFINITY))
		return;
	for (uint32_t i = last + 1; i-- > 0;) {
		const struct trace *trace = &pass->traces[(size_t)i * pass->width + at];

		path.device[PHASE_PREFILL][i] = trace->device[PHASE_PREFILL];
		path.device[PHASE_DECODE][i] = trace->device[PHASE_DECODE];
		at = trace->parent;
	}
	search_consider(pass->problem, &path, pass->result);
}

static void go(struct pass *pass)
{
	struct search_result *result = pass->result;

	/* The beginning of all paths: nothing is used. */
	pass->n_now = 1;
	for (uint32_t stage = 0; stage < pass->problem->n_stages; stage++) {
		pass->n_made = 0;
		for (uint32_t i = 0; i < pass->n_now; i++)
			expand(pass, label_at(pass, pass->now, i), i, stage);
		choose(pass, stage);
	}
	finish_best(pass);
	result->least_s = MAX(result->least_s,
			      MIN(pass->lost_s, result->found ? result->best.cost_s : INFINITY));
	result->proven = result->least_s >=
			 (result->found ? result->best.cost_s * (1 - SEARCH_EPSILON) : INFINITY);
}

static void set_limits(struct pass *pass)
{
	for (uint32_t k = 0; k < SEARCH_LIMITS; k++) {
		pass->slots[k] = -1;
		if (!search_limit_counts(pass->problem, k))
			continue;
		pass->slots[k] = (int)pass->n_limits;
		pass->limits[pass->n_limits++] = k;
	}
	pass->label_bytes = sizeof(struct label) + pass->n_limits * sizeof(uint64_t);
}

int search_labels(const struct search_problem *problem, const struct search_bounds *bounds,
		  uint32_t max_work, bool by_memory, struct search_result *result)
{
	uint32_t n_states = problem->n_devices * problem->n_devices;
	uint32_t width = max_work / (problem->n_stages * n_states);
	struct pass pass = {
		.problem = problem,
		.bounds = bounds,
		.result = result,
		.by_memory = by_memory,
		.width = MAX(WIDTH_MIN, MIN(width, WIDTH_MAX)),
		.lost_s = INFINITY,
	};
	size_t n_made = (size_t)pass.width * n_states;
	_cleanup_free_ uint8_t *now = NULL, *made = NULL;
	_cleanup_free_ struct trace *traces = NULL;
	_cleanup_free_ struct label **order = NULL;
	_cleanup_free_ uint64_t *needed = NULL;
	_cleanup_free_ int32_t *siblings = NULL;

	set_limits(&pass);
	pass.now = now = calloc(pass.width, pass.label_bytes);
	pass.made = made = calloc(n_made, pass.label_bytes);
	pass.traces = traces = calloc((size_t)problem->n_stages * pass.width, sizeof(*traces));
	pass.order = order = calloc(n_made, sizeof(struct label *));
	pass.needed_bytes = needed = calloc(problem->n_stages + 1, sizeof(*needed));
	pass.siblings = siblings = calloc(pass.width, sizeof(*siblings));
	if (!now || !made || !traces || !order || !needed || !siblings)
		return -ENOMEM;
	find_needed(&pass);
	go(&pass);
	return 0;
}
