// SPDX-License-Identifier: MIT
/* Owns the monitor of the kernel's device events. Refuses those that are of no node of ours. */
#include <errno.h>
#include <libudev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "cleanup.h"
#include "hotplug.h"

enum { EVENTS_MAX = 4096 /* of one drain: a flood must not hold up the caller */ };

struct hotplug {
	struct udev *udev;
	struct udev_monitor *monitor;
};

DEFINE_CLEANUP(struct hotplug, hotplug_destroy)

static const char *const subsystems[] = {"accel", "drm"};

const char *hotplug_action_name(enum hotplug_action action)
{
	static const char *const names[] = {
		[HOTPLUG_ADD] = "add",
		[HOTPLUG_REMOVE] = "remove",
		[HOTPLUG_CHANGE] = "change",
		[HOTPLUG_LOST] = "lost",
	};

	return names[action];
}

/* Where udev does not run nobody sends its messages; the kernel's come before nodes have a group. */
static const char *source(void)
{
	return access("/run/udev/control", F_OK) == 0 ? "udev" : "kernel";
}

static int listen_to(struct hotplug *hotplug)
{
	hotplug->monitor = udev_monitor_new_from_netlink(hotplug->udev, source());
	if (!hotplug->monitor)
		return errno == ENOMEM ? -ENOMEM : -ENOTSUP;
	for (size_t i = 0; i < ARRAY_SIZE(subsystems); i++) {
		if (udev_monitor_filter_add_match_subsystem_devtype(hotplug->monitor, subsystems[i],
								    NULL) < 0)
			return -ENOTSUP;
	}
	return udev_monitor_enable_receiving(hotplug->monitor) < 0 ? -ENOTSUP : 0;
}

int hotplug_create(const struct log *log, struct hotplug **ret_hotplug)
{
	_cleanup_(hotplug_destroy_p) struct hotplug *hotplug = calloc(1, sizeof(*hotplug));
	int r;

	if (hotplug)
		hotplug->udev = udev_new();
	if (!hotplug || !hotplug->udev)
		return log_oom(log, "listening for devices");
	r = listen_to(hotplug);
	if (r < 0) {
		log_warning(log, "devices that come or go are not seen: the kernel's event socket "
				 "cannot be had here (a sandbox without AF_NETLINK?)");
		return r;
	}
	*ret_hotplug = TAKE(hotplug);
	return 0;
}

void hotplug_destroy(struct hotplug *hotplug)
{
	if (!hotplug)
		return;
	if (hotplug->monitor)
		udev_monitor_unref(hotplug->monitor);
	if (hotplug->udev)
		udev_unref(hotplug->udev);
	free(hotplug);
}

int hotplug_fd(const struct hotplug *hotplug)
{
	return udev_monitor_get_fd(hotplug->monitor);
}

static bool read_action(const char *text, enum hotplug_action *ret_action)
{
	for (unsigned i = HOTPLUG_ADD; i <= HOTPLUG_CHANGE; i++) {
		if (text && strcmp(text, hotplug_action_name(i)) == 0) {
			*ret_action = i;
			return true;
		}
	}
	return false;
}

static bool read_event(struct udev_device *device, struct hotplug_event *ret_event)
{
	const char *name = udev_device_get_sysname(device);

	if (!name || !drm_node_kind_of(name, &ret_event->kind) ||
	    !read_action(udev_device_get_action(device), &ret_event->action))
		return false;
	(void)snprintf(ret_event->name, sizeof(ret_event->name), "%s", name);
	return true;
}

int hotplug_drain(struct hotplug *hotplug,
		  void (*seen)(void *data, const struct hotplug_event *event), void *data)
{
	struct hotplug_event event;
	int n = 0;

	for (int i = 0; i < EVENTS_MAX; i++) {
		struct udev_device *device;

		errno = 0;
		device = udev_monitor_receive_device(hotplug->monitor);
		if (device) {
			bool is_ours = read_event(device, &event);

			udev_device_unref(device);
			if (!is_ours)
				continue;
		} else if (errno == ENOBUFS) {
			event = (struct hotplug_event){.action = HOTPLUG_LOST};
		} else {
			break;
		}
		seen(data, &event);
		n++;
	}
	return n;
}
