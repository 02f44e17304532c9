/* SPDX-License-Identifier: MIT */
/*
 * Render and accel nodes that come, go and change while we run. An fd for the caller's poll and a
 * function that empties it: no thread, no callback out of the blue. What was there before
 * hotplug_create() is told by drm_nodes_read(); call that afterwards, so that nothing is missed.
 *
 *	hotplug_create(log, &hotplug);
 *	drm_nodes_read("", log, &nodes);
 *	poll {hotplug_fd(hotplug), POLLIN} ... hotplug_drain(hotplug, seen, data);
 *
 * One thread at a time.
 */
#ifndef SLM_SIGNALS_HOTPLUG_H
#define SLM_SIGNALS_HOTPLUG_H

#include "drm_nodes.h"

enum hotplug_action {
	HOTPLUG_ADD,	/* the node is there, with the group that udev's rules gave it */
	HOTPLUG_REMOVE, /* drm_node_read() has nothing to say of it any more */
	HOTPLUG_CHANGE, /* something about it: read it anew */
	HOTPLUG_LOST,	/* the kernel dropped events: read all nodes anew; KIND and NAME are void */
};

struct hotplug_event {
	enum hotplug_action action;
	enum drm_node_kind kind;
	char name[DRM_NAME_MAX]; /* "accel0": for drm_node_read() */
};

struct hotplug;

/*
 * Begins to listen: to udev where it runs, else to the kernel. 0; -ENOMEM; -ENOTSUP (logged as a
 * warning: work goes on without) where a sandbox gives no netlink socket.
 */
int hotplug_create(const struct log *log, struct hotplug **ret_hotplug);
void hotplug_destroy(struct hotplug *hotplug); /* NULL: nothing */

/* Readable (POLLIN) when there is something to drain. The fd stays the hotplug's. */
int hotplug_fd(const struct hotplug *hotplug);

/*
 * Calls SEEN with each event that waits, in the order of their happening, and does not wait for more.
 * How many there were; events of other devices are not counted.
 */
int hotplug_drain(struct hotplug *hotplug,
		  void (*seen)(void *data, const struct hotplug_event *event), void *data);

const char *hotplug_action_name(enum hotplug_action action); /* "add", ... */

#endif
