// SPDX-License-Identifier: MIT
/*
 * Owns the kernel's nodes that stand behind mock devices, opened once per context. Refuses to bring back a
 * context whose node is gone: what is plugged in later is another node, whatever its name.
 */
#include <drm.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"

struct node {
	int fd;
	unsigned refs;
};

static int open_node(const struct _cl_device_id *device)
{
	return open(device->node_path, O_RDWR | O_CLOEXEC);
}

bool node_is_there(cl_device_id device)
{
	int fd = *device->node_path ? open_node(device) : -1;

	if (fd >= 0)
		(void)close(fd);
	return !*device->node_path || fd >= 0;
}

cl_int node_create(cl_device_id device, struct node **ret_node)
{
	struct node *node;

	*ret_node = NULL;
	if (!*device->node_path)
		return CL_SUCCESS;
	node = malloc(sizeof(*node));
	if (!node)
		return CL_OUT_OF_HOST_MEMORY;
	*node = (struct node){open_node(device), 1};
	if (node->fd < 0) {
		free(node);
		return CL_DEVICE_NOT_AVAILABLE;
	}
	*ret_node = node;
	return CL_SUCCESS;
}

struct node *node_retain(struct node *node)
{
	if (node)
		(void)__atomic_add_fetch(&node->refs, 1, __ATOMIC_RELAXED);
	return node;
}

void node_release(struct node *node)
{
	if (!node || __atomic_sub_fetch(&node->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	(void)close(node->fd);
	free(node);
}

/* The kernel says ENODEV to all that is asked of a DRM device that was unplugged. */
bool node_is_gone(const struct node *node)
{
	struct drm_version version = {0};

	return node && ioctl(node->fd, DRM_IOCTL_VERSION, &version) < 0 && errno == ENODEV;
}
