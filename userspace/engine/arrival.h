/* SPDX-License-Identifier: MIT */
/*
 * What takes long when a device is taken into use, done by a thread of its own beside the engine's steps:
 * measuring it, or preparing it for a plan. Whoever starts an arrival holds the engine's lock, looks now and
 * then whether it is done, and reads nothing else of it before it has ended.
 */
#ifndef SLM_ENGINE_ARRIVAL_H
#define SLM_ENGINE_ARRIVAL_H

#include "errand.h"
#include "internal.h"

struct arrival {
	struct engine *engine;
	struct errand errand;
	bool prepares; /* else it measures */
	/* The device that is measured, or that was being prepared when that failed. */
	const struct device_entry *entry;
	struct calibrate_params calibrate;
	struct calibration calibration;
	/* The plan and what was made for it: the devices that were not in use, and their segments. */
	struct placement placed;
	const struct packed *packed;
	const struct device_entry *in_use[PLAN_DEVICES_MAX]; /* NULL: a free place */
	struct engine_device devices[PLAN_DEVICES_MAX];
	uint32_t n_devices;
	struct engine_segment segments[PHASES * PLAN_SEGMENTS_MAX];
	uint32_t n_segments;
};

/* Measures ENTRY, as engine_measure_devices() would. 0; -ENOMEM, -EAGAIN (logged). */
int arrival_measure(struct engine *engine, const struct device_entry *entry,
		    struct arrival **ret_arrival);

/*
 * Opens the devices of the plan in engine->placed that are not in use, gives them what their segments need
 * and runs each segment once, so that drivers have done what they put off. Nothing that the engine's steps
 * use is touched. As arrival_measure().
 */
int arrival_prepare(struct engine *engine, struct arrival **ret_arrival);

bool arrival_is_done(const struct arrival *arrival);
/* Waits for it, and gives what it ended with; what failed holds no device. */
int arrival_end(struct arrival *arrival);
/* Of one that has ended; with all that nobody took from it. */
void arrival_destroy(struct arrival *arrival);

#endif
