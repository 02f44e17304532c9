// SPDX-License-Identifier: MIT
/* Owns the view of hotplug.h in the virtual machine: says what comes and goes until it is killed. */
#include <poll.h>
#include <stdio.h>

#include "drm_nodes.h"
#include "hotplug.h"

static void say(void *data, const struct hotplug_event *event)
{
	struct drm_node node;

	(void)data;
	printf("watch %s %s", hotplug_action_name(event->action), event->name);
	if (drm_node_read("", event->name, NULL, &node) == 0)
		printf(" %u:%u group %s mode %04o open %s", node.major, node.minor, node.group,
		       node.mode, node.may_open ? "yes" : "no");
	printf("\n");
	(void)fflush(stdout);
}

int main(void)
{
	struct hotplug *hotplug;
	struct pollfd fd;

	if (hotplug_create(NULL, &hotplug) < 0)
		return 1;
	printf("watch begins\n");
	(void)fflush(stdout);
	fd = (struct pollfd){.fd = hotplug_fd(hotplug), .events = POLLIN};
	while (poll(&fd, 1, -1) == 1)
		(void)hotplug_drain(hotplug, say, NULL);
	hotplug_destroy(hotplug);
	return 1;
}
