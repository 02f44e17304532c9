// SPDX-License-Identifier: MIT
/*
 * Owns small changes to a path that is known, as long as they make it cheaper. Proves nothing; a
 * better path makes more labels hopeless, and is what remains where their number is bounded.
 */
#include <string.h>

#include "array.h"
#include "search.h"

struct improvement {
	const struct search_problem *problem;
	struct search_result *result;
	uint32_t left; /* paths that may be tried yet */
};

/* Stages that have the same devices in the phases at hand. */
struct run {
	uint32_t begin, end;
};

static bool phase_is_in(uint32_t phases, enum phase phase)
{
	return phases & 1U << phase;
}

static bool try_path(struct improvement *improvement, struct search_path *path)
{
	double before = improvement->result->best.cost_s;

	if (improvement->left == 0)
		return false;
	improvement->left--;
	search_consider(improvement->problem, path, improvement->result);
	return improvement->result->best.cost_s < before;
}

/* Stages [BEGIN, END) get the devices that stage LIKE has, in PHASES. */
static bool try_like(struct improvement *improvement, uint32_t phases, uint32_t begin, uint32_t end,
		     uint32_t like)
{
	struct search_path path = improvement->result->best;

	for (enum phase phase = 0; phase < PHASES; phase++) {
		if (phase_is_in(phases, phase) && end > begin)
			memset(path.device[phase] + begin, path.device[phase][like], end - begin);
	}
	return try_path(improvement, &path);
}

static bool try_device(struct improvement *improvement, uint32_t phases, struct run run,
		       uint32_t device)
{
	struct search_path path = improvement->result->best;

	for (enum phase phase = 0; phase < PHASES; phase++) {
		if (phase_is_in(phases, phase))
			memset(path.device[phase] + run.begin, (int)device, run.end - run.begin);
	}
	return try_path(improvement, &path);
}

static uint32_t run_end(const struct search_problem *problem, const struct search_path *path,
			uint32_t phases, uint32_t begin)
{
	uint32_t end = begin + 1;

	for (; end < problem->n_stages; end++) {
		for (enum phase phase = 0; phase < PHASES; phase++) {
			if (phase_is_in(phases, phase) &&
			    path->device[phase][end] != path->device[phase][begin])
				return end;
		}
	}
	return end;
}

/* Another device for the run, or more stages for it on either side. */
static bool improve_run(struct improvement *improvement, uint32_t phases, struct run run)
{
	uint32_t n = improvement->problem->n_stages;
	bool is_better = false;

	for (uint32_t k = 1; k <= n && !is_better; k *= 2)
		is_better = (run.begin > 0 &&
			     try_like(improvement, phases, run.begin - MIN(k, run.begin), run.begin,
				      run.begin)) ||
			    (run.end < n && try_like(improvement, phases, run.end,
						     MIN(run.end + k, n), run.begin));
	for (uint32_t d = 0; d < improvement->problem->n_devices && !is_better; d++)
		is_better = try_device(improvement, phases, run, d);
	return is_better;
}

/* What device A did, device B does, and the other way round. */
static bool try_swap(struct improvement *improvement, uint8_t a, uint8_t b)
{
	struct search_path path = improvement->result->best;

	for (enum phase phase = 0; phase < PHASES; phase++) {
		for (uint32_t i = 0; i < improvement->problem->n_stages; i++) {
			uint8_t *device = &path.device[phase][i];

			if (*device == a || *device == b)
				*device = *device == a ? b : a;
		}
	}
	return try_path(improvement, &path);
}

static bool improve_once(struct improvement *improvement)
{
	const struct search_problem *problem = improvement->problem;
	const struct search_path *best = &improvement->result->best;
	uint32_t both = 1U << PHASE_PREFILL | 1U << PHASE_DECODE;
	bool is_better = false;

	for (uint32_t phases = both; phases > 0; phases--) {
		if (problem->one_phase && phases != both)
			continue;
		for (uint32_t i = 0; i < problem->n_stages;) {
			struct run run = {i, run_end(problem, best, phases, i)};

			is_better = improve_run(improvement, phases, run) || is_better;
			i = MAX(i + 1, run_end(problem, best, phases, i));
		}
	}
	for (uint8_t a = 0; a < problem->n_devices; a++) {
		for (uint8_t b = 0; b < a; b++)
			is_better = try_swap(improvement, a, b) || is_better;
	}
	return is_better;
}

void search_improve(const struct search_problem *problem, uint32_t max_tries,
		    struct search_result *result)
{
	struct improvement improvement = {problem, result, max_tries};

	while (result->found && improvement.left > 0 && improve_once(&improvement))
		continue;
}
