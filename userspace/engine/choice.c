// SPDX-License-Identifier: MIT
/* Owns the choice of devices that plans are made of: what was asked for, of what there is. Refuses to plan. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* A choice of native devices spares the start of every OpenCL driver. */
static bool is_native(const char *selector)
{
	return selector && (strcmp(selector, "cpu") == 0 || strcmp(selector, "reference") == 0);
}

const char *engine_selector(const struct engine *engine, enum phase phase)
{
	return engine->phase_selector[phase] ? engine->phase_selector[phase] : engine->selector;
}

enum device_scope engine_device_scope(const struct engine *engine)
{
	return is_native(engine_selector(engine, PHASE_PREFILL)) &&
			       is_native(engine_selector(engine, PHASE_DECODE))
		       ? DEVICES_NATIVE
		       : DEVICES_ALL;
}

/* The entry's place among those in use, added where it is not there. -1: no room. */
static int place_of_entry(struct engine *engine, const struct device_entry *entry)
{
	for (uint32_t i = 0; i < engine->placed.n_entries; i++) {
		if (engine->placed.entries[i] == entry)
			return (int)i;
	}
	if (engine->placed.n_entries == PLAN_DEVICES_MAX)
		return -1;
	engine->placed.entries[engine->placed.n_entries] = entry;
	return (int)engine->placed.n_entries++;
}

static int choose_for_phase(struct engine *engine, enum phase phase, const struct log *log)
{
	const struct device_entry *entries[PLAN_DEVICES_MAX];
	const char *selector = engine_selector(engine, phase);
	int n;

	engine->placed.allowed[phase] = 0;
	if (selector)
		n = device_list_select(engine->device_list, selector, log, entries,
				       PLAN_DEVICES_MAX);
	else
		n = device_list_candidates(engine->device_list, entries, PLAN_DEVICES_MAX);
	for (int i = 0; i < n; i++) {
		int place = place_of_entry(engine, entries[i]);

		if (place < 0)
			return log_error(log, ENODEV, "these are more than %d devices",
					 PLAN_DEVICES_MAX);
		engine->placed.allowed[phase] |= 1u << place;
	}
	return n < 0 ? n : 0;
}

/* Reads "60,40" into the shares of the devices. */
static int read_split(struct engine *engine, const struct log *log)
{
	const char *at = engine->split;
	uint32_t n = 0;

	if (engine->phase_selector[PHASE_PREFILL] || engine->phase_selector[PHASE_DECODE])
		return log_error(log, EINVAL,
				 "a split is for both phases: it cannot go with devices for one");

	for (char *end; at; n++) {
		double share = strtod(at, &end);

		if (end == at || (*end != ',' && *end != '\0') || !(share >= 0 && share <= 1e9))
			return log_error(log, EINVAL, "'%s' is no list of shares like 60,40",
					 engine->split);
		if (n < engine->placed.n_entries)
			engine->placed.shares[n] = share;
		at = *end == ',' ? end + 1 : NULL;
	}
	if (n != engine->placed.n_entries)
		return log_error(log, EINVAL,
				 "the split '%s' has %u shares and there are %u devices",
				 engine->split, n, engine->placed.n_entries);
	return 0;
}

int engine_choose(struct engine *engine, const struct log *log)
{
	int r;

	engine->placed.n_entries = 0;
	memset(engine->placed.calibrations, 0, sizeof(engine->placed.calibrations));
	r = choose_for_phase(engine, PHASE_PREFILL, log);
	if (r == 0)
		r = choose_for_phase(engine, PHASE_DECODE, log);
	return r == 0 && engine->split ? read_split(engine, log) : r;
}

/* Those behind PLACE move down by one. */
static void forget_place(struct engine *engine, uint32_t place)
{
	uint32_t below = (1u << place) - 1;

	for (int p = 0; p < PHASES; p++)
		engine->placed.allowed[p] = (engine->placed.allowed[p] & below) |
					    (engine->placed.allowed[p] >> 1 & ~below);
}

int engine_choose_left(struct engine *engine)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < engine->placed.n_entries; i++) {
		if (engine->placed.entries[i]->usable) {
			engine->placed.calibrations[n] = engine->placed.calibrations[i];
			engine->placed.shares[n] = engine->placed.shares[i];
			engine->placed.entries[n++] = engine->placed.entries[i];
		} else {
			forget_place(engine, n);
		}
	}
	engine->placed.n_entries = n;
	for (int p = 0; p < PHASES; p++) {
		int place;

		if (engine->placed.allowed[p])
			continue;
		place = place_of_entry(engine, device_list_default(engine->device_list));
		if (place < 0)
			return -ENODEV;
		engine->placed.allowed[p] = 1u << place;
		engine->placed.shares[place] = 1;
	}
	return 0;
}
