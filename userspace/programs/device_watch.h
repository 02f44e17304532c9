/* SPDX-License-Identifier: MIT */
/* Tells an engine when the kernel's GPUs and accelerators come and go. */
#ifndef SLM_PROGRAMS_DEVICE_WATCH_H
#define SLM_PROGRAMS_DEVICE_WATCH_H

#include "engine.h"
#include "hotplug.h"

struct device_watch {
	struct engine *engine;
	struct hotplug *hotplug; /* NULL: nobody listens */
};

/* Begins to listen for ENGINE, which outlives it. Where that cannot be, work goes on without. */
void device_watch_init(struct device_watch *watch, struct engine *engine);
void device_watch_finish(struct device_watch *watch);

/* Does not wait; a fraction of a microsecond where nothing happened. */
void device_watch_look(struct device_watch *watch);

#endif
