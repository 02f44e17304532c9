// SPDX-License-Identifier: MIT
/* Owns the way from the kernel's word of a node to the engine's. Refuses to know which node it was. */
#include <poll.h>

#include "device_watch.h"

void device_watch_init(struct device_watch *watch, struct engine *engine)
{
	*watch = (struct device_watch){.engine = engine};
	if (engine_may_change_devices(engine))
		(void)hotplug_create(engine_log(engine), &watch->hotplug);
}

void device_watch_finish(struct device_watch *watch)
{
	hotplug_destroy(watch->hotplug);
	*watch = (struct device_watch){0};
}

static void seen(void *data, const struct hotplug_event *event)
{
	bool *any = data;

	*any = *any || event->action != HOTPLUG_CHANGE;
}

void device_watch_look(struct device_watch *watch)
{
	struct pollfd poll_fd = {.events = POLLIN};
	bool any = false;

	if (!watch->hotplug)
		return;
	poll_fd.fd = hotplug_fd(watch->hotplug);
	if (poll(&poll_fd, 1, 0) <= 0)
		return;
	(void)hotplug_drain(watch->hotplug, seen, &any);
	if (any)
		engine_devices_changed(watch->engine);
}
