/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a driver, with an end. OpenCL's own waits have none, so the driver is asked to call back
 * and the calling thread sleeps until it does, or until nothing has moved for too long.
 */
#ifndef SLM_DEVICE_OPENCL_WATCHDOG_H
#define SLM_DEVICE_OPENCL_WATCHDOG_H

#include <stdbool.h>

#include "cl_error.h"

struct watchdog;

/* LIMIT_MS as device_params.watchdog_ms says it. 0 or -ENOMEM. */
int watchdog_create(unsigned limit_ms, struct watchdog **ret_watchdog);
/*
 * Never waits, takes NULL. What the driver may still call back for is freed by the last such call, if it
 * comes; marks of a driver that hangs are left to it.
 */
void watchdog_destroy(struct watchdog *watchdog);

/*
 * EVENT, of a command on the way to the one that will be waited for, shows progress when it completes:
 * the limit begins anew. Owned by the watchdog from here. CL_SUCCESS, or as watchdog_wait() where so
 * many are on their way that the oldest is waited for first.
 */
cl_int watchdog_mark(struct watchdog *watchdog, cl_event event);

/*
 * Sleeps until EVENT, the last command of an in-order queue that was flushed, is complete. CL_SUCCESS;
 * the status with which it or a mark before it failed; what the driver's calls give; or
 * SLM_DEVICE_HANGS. Time in which this process was stopped hardly counts.
 */
cl_int watchdog_wait(struct watchdog *watchdog, cl_event event);

/* Has a wait been given up? Then objects of the driver are left to it: releasing them may not end. */
bool watchdog_hangs(const struct watchdog *watchdog);

unsigned watchdog_limit_ms(const struct watchdog *watchdog);

#endif
