// SPDX-License-Identifier: MIT
/* Owns bounds, prices and the first paths of a search. Labels are search_labels.c. */
#include "search.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"

enum {
	IMPROVE_MAX = 1000, /* paths that are tried */
	PRICE_ROUNDS_MAX = 40,
	PRICE_WORK_MAX = 200000, /* states, of all rounds */
};

/* ---- what a path takes ---- */

struct path_use {
	uint64_t bytes[SEARCH_LIMITS];
	uint32_t devices, shared; /* as bits: in use, with the shared matrix */
};

static void use_stage(const struct search_problem *problem, const struct search_stage *stage,
		      uint32_t devices, struct path_use *use)
{
	bool on_host = devices & problem->host_devices;

	for (uint32_t d = 0; d < problem->n_devices; d++) {
		bool is_host = problem->host_devices & 1U << d;
		uint64_t values = use->devices & 1U << d ? 0 : problem->value_bytes;

		if (!(devices & 1U << d))
			continue;
		use->bytes[d] += stage->weight_bytes + stage->kv_bytes + values;
		if (stage->reads_shared && !(use->shared & 1U << d))
			use->bytes[d] += problem->shared_bytes;
		if (is_host)
			use->bytes[PLAN_HOST] += stage->kv_bytes + values;
	}
	if (on_host) {
		use->bytes[PLAN_HOST] += stage->weight_bytes;
		if (stage->reads_shared && !(use->shared & problem->host_devices))
			use->bytes[PLAN_HOST] += problem->shared_bytes;
	}
	use->devices |= devices;
	if (stage->reads_shared)
		use->shared |= devices;
}

static void use_of(const struct search_problem *problem, const struct search_path *path,
		   struct path_use *ret_use)
{
	*ret_use = (struct path_use){0};
	for (uint32_t i = 0; i < problem->n_stages; i++)
		use_stage(problem, &problem->stages[i],
			  1U << path->device[PHASE_PREFILL][i] |
				  1U << path->device[PHASE_DECODE][i],
			  ret_use);
}

static double cost_of(const struct search_problem *problem, const struct search_path *path)
{
	uint32_t last = problem->n_stages - 1;
	double cost = 0;

	for (uint32_t i = 0; i <= last; i++)
		cost += search_node(problem, i, path->device[PHASE_PREFILL][i],
				    path->device[PHASE_DECODE][i]);
	for (enum phase phase = 0; phase < PHASES; phase++) {
		const uint8_t *device = path->device[phase];

		for (uint32_t i = 0; i <= last; i++)
			cost += search_change(problem, i, phase, device[MAX(i, 1) - 1], device[i]);
		cost += problem->result_s[phase][device[last]];
	}
	return cost;
}

static uint64_t short_bytes(const struct search_problem *problem, const struct path_use *use)
{
	uint64_t most = 0;

	for (uint32_t k = 0; k < SEARCH_LIMITS; k++) {
		if (use->bytes[k] > problem->limit_bytes[k])
			most = MAX(most, use->bytes[k] - problem->limit_bytes[k]);
	}
	return most;
}

void search_consider(const struct search_problem *problem, struct search_path *path,
		     struct search_result *result)
{
	struct path_use use;
	uint64_t missed;

	path->cost_s = cost_of(problem, path);
	if (!isfinite(path->cost_s) ||
	    (result->found && path->cost_s >= result->best.cost_s * (1 - SEARCH_EPSILON)))
		return;
	use_of(problem, path, &use);
	if ((problem->required & ~use.devices) != 0)
		return;
	missed = short_bytes(problem, &use);
	if (missed > 0) {
		if (!result->has_closest || missed < result->closest_short_bytes) {
			result->has_closest = true;
			result->closest_short_bytes = missed;
			result->closest = *path;
		}
	} else {
		result->found = true;
		result->best = *path;
	}
}

bool search_limit_counts(const struct search_problem *problem, uint32_t limit)
{
	struct path_use use = {0};
	uint32_t devices = limit == PLAN_HOST ? problem->host_devices : 1U << limit;

	if (devices == 0 || (limit != PLAN_HOST && limit >= problem->n_devices))
		return false;
	for (uint32_t i = 0; i < problem->n_stages; i++)
		use_stage(problem, &problem->stages[i], devices, &use);
	return use.bytes[limit] > problem->limit_bytes[limit];
}

/* ---- bounds ---- */

/* What a stage pays for memory. The shared matrix is paid once, by the first stage that reads it, so
 * that this is never more than what a path uses. */
struct stage_price {
	double device[PLAN_DEVICES_MAX];
	double host; /* once */
};

static struct stage_price price_of(const struct search_problem *problem, uint32_t stage,
				   const double *prices)
{
	const struct search_stage *s = &problem->stages[stage];
	double weights = (double)s->weight_bytes;
	struct stage_price price = {0};
	bool is_first = s->reads_shared;

	for (uint32_t i = 0; i < stage && is_first; i++)
		is_first = !problem->stages[i].reads_shared;
	if (is_first)
		weights += (double)problem->shared_bytes;
	for (uint32_t d = 0; d < problem->n_devices; d++) {
		price.device[d] = prices[d] * (weights + (double)s->kv_bytes);
		if (problem->host_devices & 1U << d)
			price.device[d] += prices[PLAN_HOST] * (double)s->kv_bytes;
	}
	price.host = prices[PLAN_HOST] * weights;
	return price;
}

static double priced_node(const struct search_problem *problem, uint32_t stage,
			  const struct stage_price *price, uint32_t a, uint32_t b)
{
	double node = search_node(problem, stage, a, b) + price->device[a];

	if (a != b && problem->one_phase)
		return INFINITY;
	if (a != b)
		node += price->device[b];
	if ((1U << a | 1U << b) & problem->host_devices)
		node += price->host;
	return node;
}

/*
 * BOUNDS of stage STAGE out of those of the one after it, whose nodes with their bounds are NODES. A
 * change costs what it is to leave and what it is to enter, so the best device to enter is the same
 * for all that are left; and staying costs nothing.
 */
static void step_back(const struct search_problem *problem, uint32_t stage, const double *nodes,
		      double *bounds)
{
	const struct search_stage *next = &problem->stages[stage + 1];
	uint32_t n = problem->n_devices;
	double half[PLAN_DEVICES_MAX * PLAN_DEVICES_MAX];

	for (uint32_t a = 0; a < n; a++) {
		double enter = INFINITY;

		for (uint32_t b = 0; b < n; b++)
			enter = MIN(enter, next->in_s[PHASE_DECODE][b] + nodes[a * n + b]);
		for (uint32_t b = 0; b < n; b++)
			half[a * n + b] =
				MIN(nodes[a * n + b], next->out_s[PHASE_DECODE][b] + enter);
	}
	for (uint32_t b = 0; b < n; b++) {
		double enter = INFINITY;

		for (uint32_t a = 0; a < n; a++)
			enter = MIN(enter, next->in_s[PHASE_PREFILL][a] + half[a * n + b]);
		for (uint32_t a = 0; a < n; a++)
			bounds[a * n + b] =
				MIN(half[a * n + b], next->out_s[PHASE_PREFILL][a] + enter);
	}
}

static void fill_nodes(const struct search_problem *problem, uint32_t stage, const double *prices,
		       const double *bounds, double *nodes)
{
	struct stage_price price = price_of(problem, stage, prices);
	uint32_t n = problem->n_devices;

	for (uint32_t a = 0; a < n; a++) {
		for (uint32_t b = 0; b < n; b++)
			nodes[a * n + b] = priced_node(problem, stage, &price, a, b) +
					   bounds[(size_t)stage * n * n + a * n + b];
	}
}

static void bound(const struct search_problem *problem, const double *prices, double *bounds)
{
	uint32_t n = problem->n_devices, last = problem->n_stages - 1;
	double nodes[PLAN_DEVICES_MAX * PLAN_DEVICES_MAX];

	for (uint32_t a = 0; a < n; a++) {
		for (uint32_t b = 0; b < n; b++)
			bounds[(size_t)last * n * n + a * n + b] =
				problem->result_s[PHASE_PREFILL][a] +
				problem->result_s[PHASE_DECODE][b];
	}
	for (uint32_t i = last; i-- > 0;) {
		fill_nodes(problem, i + 1, prices, bounds, nodes);
		step_back(problem, i, nodes, bounds + (size_t)i * n * n);
	}
}

/* Walks along the bounds, staying where that costs the same. Gives what the priced path costs. */
static double walk(const struct search_problem *problem, const double *prices, const double *bounds,
		   struct search_path *path)
{
	uint32_t n = problem->n_devices, a = 0, b = 0;
	double nodes[PLAN_DEVICES_MAX * PLAN_DEVICES_MAX], cost = INFINITY;

	for (uint32_t i = 0; i < problem->n_stages; i++) {
		uint32_t from_a = a, from_b = b;
		double best = INFINITY;

		fill_nodes(problem, i, prices, bounds, nodes);
		for (uint32_t k = 0; k <= n * n; k++) {
			/* The devices of the stage before come first. */
			uint32_t s = k == 0 ? from_a * n + from_b : k - 1;
			double here = nodes[s] +
				      search_change(problem, i, PHASE_PREFILL, from_a, s / n) +
				      search_change(problem, i, PHASE_DECODE, from_b, s % n);

			if (here < best * (1 - SEARCH_EPSILON) || (k == 0 && here < best)) {
				best = here;
				a = s / n;
				b = s % n;
			}
		}
		if (i == 0)
			cost = best;
		path->device[PHASE_PREFILL][i] = (uint8_t)a;
		path->device[PHASE_DECODE][i] = (uint8_t)b;
	}
	return cost;
}

/* ---- prices ---- */

/* One step of the subgradient method towards TARGET. */
static void change_prices(const struct search_problem *problem, const bool *counts,
			  const struct search_path *path, double gap, double *prices)
{
	double slope[SEARCH_LIMITS] = {0}, square = 0;
	struct path_use use;

	use_of(problem, path, &use);
	for (uint32_t k = 0; k < SEARCH_LIMITS; k++) {
		double limit = (double)MAX(problem->limit_bytes[k], 1);

		if (!counts[k])
			continue;
		slope[k] = (double)use.bytes[k] / limit - 1;
		if (prices[k] > 0 || slope[k] > 0)
			square += slope[k] * slope[k];
	}
	for (uint32_t k = 0; k < SEARCH_LIMITS && square > 0; k++) {
		double limit = (double)MAX(problem->limit_bytes[k], 1);

		prices[k] = fmax(0, prices[k] + gap / square * slope[k] / limit);
	}
}

static double limits_at(const struct search_problem *problem, const bool *counts,
			const double *prices)
{
	double sum = 0;

	for (uint32_t k = 0; k < SEARCH_LIMITS; k++)
		sum += counts[k] ? prices[k] * (double)problem->limit_bytes[k] : 0;
	return sum;
}

/* Looks for the prices with the highest bound; paths on the way may fit. */
static double find_prices(const struct search_problem *problem, const bool *counts, double least,
			  struct search_bounds *bounds, struct search_result *result)
{
	uint32_t n = problem->n_devices;
	uint32_t rounds = PRICE_WORK_MAX / (n * n * problem->n_stages);
	double prices[SEARCH_LIMITS] = {0}, scale = 1, highest = least;
	struct search_path path;

	rounds = MAX(4, MIN(rounds, PRICE_ROUNDS_MAX));
	for (uint32_t i = 0; i < rounds; i++) {
		double here;

		bound(problem, prices, bounds->priced);
		here = walk(problem, prices, bounds->priced, &path) -
		       limits_at(problem, counts, prices);
		search_consider(problem, &path, result);
		if (here > highest) {
			highest = here;
			for (uint32_t k = 0; k < SEARCH_LIMITS; k++)
				bounds->prices[k] = prices[k];
		} else if (i > 0) {
			scale *= 0.8;
		}
		if (result->found && highest >= result->best.cost_s * (1 - SEARCH_EPSILON))
			break;
		change_prices(
			problem, counts, &path,
			scale * ((result->found ? result->best.cost_s : 1.5 * highest) - here),
			prices);
	}
	bound(problem, bounds->prices, bounds->priced);
	return highest;
}

/* ---- */

static void consider_single(const struct search_problem *problem, struct search_result *result)
{
	struct search_path path;

	for (uint32_t d = 0; d < problem->n_devices; d++) {
		for (uint32_t i = 0; i < problem->n_stages; i++)
			path.device[PHASE_PREFILL][i] = path.device[PHASE_DECODE][i] = (uint8_t)d;
		search_consider(problem, &path, result);
	}
}

/* The devices that must be used, one after another, even shares each: seldom good, often possible. */
static void consider_required(const struct search_problem *problem, struct search_result *result)
{
	uint8_t devices[PLAN_DEVICES_MAX];
	struct search_path path;
	uint32_t n = 0;

	for (uint32_t d = 0; d < problem->n_devices; d++) {
		if (problem->required & 1U << d)
			devices[n++] = (uint8_t)d;
	}
	if (n < 2 || n > problem->n_stages)
		return;
	for (uint32_t i = 0; i < problem->n_stages; i++)
		path.device[PHASE_PREFILL][i] = path.device[PHASE_DECODE][i] =
			devices[i * n / problem->n_stages];
	search_consider(problem, &path, result);
}

/* A path that is known makes many labels hopeless. */
static int go_with_labels(const struct search_problem *problem, uint32_t max_work,
			  const struct search_bounds *bounds, struct search_result *result)
{
	int r;

	search_improve(problem, IMPROVE_MAX, result);
	r = search_labels(problem, bounds, max_work, false, result);
	if (r < 0 || result->proven)
		return r;
	if (!result->found)
		r = search_labels(problem, bounds, max_work, true, result);
	search_improve(problem, IMPROVE_MAX, result);
	return r;
}

static int search_within(const struct search_problem *problem, uint32_t max_work, double least,
			 struct search_bounds *bounds, struct search_result *result)
{
	bool counts[SEARCH_LIMITS];

	for (uint32_t k = 0; k < SEARCH_LIMITS; k++)
		counts[k] = search_limit_counts(problem, k);
	result->least_s = least = find_prices(problem, counts, least, bounds, result);
	if (result->found && least >= result->best.cost_s * (1 - SEARCH_EPSILON)) {
		result->proven = true;
		return 0;
	}
	return go_with_labels(problem, max_work, bounds, result);
}

int search_run(const struct search_problem *problem, uint32_t max_work, struct search_result *ret)
{
	size_t n = (size_t)problem->n_stages * problem->n_devices * problem->n_devices;
	_cleanup_free_ double *plain = calloc(n, sizeof(*plain));
	_cleanup_free_ double *priced = calloc(n, sizeof(*priced));
	struct search_bounds bounds = {.plain = plain, .priced = priced};
	struct search_path path;
	double least;

	if (!plain || !priced)
		return -ENOMEM;
	ret->found = ret->proven = ret->has_closest = false;
	bound(problem, bounds.prices, plain);
	least = walk(problem, bounds.prices, plain, &path);
	if (!isfinite(least)) {
		ret->proven = true;
		ret->least_s = INFINITY;
		return 0;
	}
	ret->least_s = least;
	consider_single(problem, ret);
	consider_required(problem, ret);
	search_consider(problem, &path, ret);
	if (ret->found && least >= ret->best.cost_s * (1 - SEARCH_EPSILON)) {
		ret->proven = true;
		return 0;
	}
	return search_within(problem, max_work, least, &bounds, ret);
}
