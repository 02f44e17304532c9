// SPDX-License-Identifier: MIT
/* Owns what sysfs and /dev say of nodes. Refuses to open one, and to believe what cannot be. */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "array.h"
#include "cleanup.h"
#include "drm_nodes.h"
#include "sysfs.h"

enum {
	NUMBER_MAX = 1 << 20, /* a minor has 20 bits */
	MAJOR_DRM = 226,
	MAJOR_ACCEL = 261,
};

/* Where nodes of a kind are: names are PREFIX and a number. */
struct node_class {
	enum drm_node_kind kind;
	const char *folder; /* in /sys/class */
	const char *prefix;
	const char *dev; /* folder of the node */
	bool numbered;	 /* else the name is PREFIX alone */
	uint32_t major;	 /* 0: any */
};

static const struct node_class classes[] = {
	{NODE_ACCEL, "accel", "accel", "/dev/accel", true, MAJOR_ACCEL},
	{NODE_RENDER, "drm", "renderD", "/dev/dri", true, MAJOR_DRM},
	{NODE_VENDOR, "misc", "mali", "/dev", true, 0},
	{NODE_VENDOR, "kgsl", "kgsl-3d", "/dev", true, 0},
	{NODE_VENDOR, "misc", "galcore", "/dev", false, 0},
};

const char *drm_node_kind_name(enum drm_node_kind kind)
{
	static const char *const names[] = {
		[NODE_RENDER] = "render",
		[NODE_ACCEL] = "accel",
		[NODE_VENDOR] = "vendor",
	};

	return names[kind];
}

/* Has NAME the form of the class? */
static bool is_of_class(const struct node_class *class, const char *name)
{
	size_t n = strlen(class->prefix);
	uint64_t number;

	if (strlen(name) >= DRM_NAME_MAX || strncmp(name, class->prefix, n) != 0)
		return false;
	if (!class->numbered)
		return name[n] == '\0';
	return name[n] != '\0' && strspn(name + n, "0123456789") == strlen(name + n) &&
	       sysfs_parse(name + n, NUMBER_MAX, &number) == 0;
}

static const struct node_class *class_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		if (is_of_class(&classes[i], name))
			return &classes[i];
	}
	return NULL;
}

bool drm_node_kind_of(const char *name, enum drm_node_kind *ret_kind)
{
	const struct node_class *class = class_of(name);

	if (!class || class->kind == NODE_VENDOR)
		return false;
	*ret_kind = class->kind;
	return true;
}

/* ---- what sysfs says ---- */

static void odd(const struct log *log, const char *dir, const char *name, int r)
{
	if (r < 0 && r != -ENOENT)
		log_warning(log,
			    "%s/%s cannot be read, or is not what a kernel writes (%s): ignored",
			    dir, name, strerror(-r));
}

static void read_number(struct drm_node *node, const struct node_class *class, const char *dir,
			const struct log *log)
{
	char text[SYSFS_TEXT_MAX];
	unsigned major, minor;
	int end = 0, r = sysfs_text(dir, "dev", text);

	if (r == 0 && (sscanf(text, "%9u:%9u%n", &major, &minor, &end) != 2 || text[end]))
		r = -EINVAL;
	if (r == 0 && ((class->major && major != class->major) || minor > NUMBER_MAX))
		r = -ERANGE;
	odd(log, dir, "dev", r);
	if (r < 0)
		return;
	node->has_number = true;
	node->major = major;
	node->minor = minor;
}

static void read_link(const char *dir, const char *name, char *text, size_t size,
		      const struct log *log)
{
	char target[SYSFS_TEXT_MAX];
	int r = sysfs_link(dir, name, target);

	if (r == 0 && strlen(target) >= size)
		r = -ENAMETOOLONG;
	odd(log, dir, name, r);
	if (r == 0)
		(void)strcpy(text, target);
}

static void read_pci(struct drm_node *node, const struct log *log)
{
	const char *dir = node->device_dir;
	uint64_t vendor = 0, device = 0;
	int r;

	if (strcmp(node->bus, "pci") != 0)
		return;
	if (!pci_address_parse(node->address, &node->pci)) {
		log_warning(log, "%s: '%s' is no PCI address: ignored", dir, node->address);
		return;
	}
	r = sysfs_number(dir, "vendor", UINT16_MAX, &vendor);
	odd(log, dir, "vendor", r);
	r = sysfs_number(dir, "device", UINT16_MAX, &device);
	odd(log, dir, "device", r);
	node->has_pci = true;
	node->pci_vendor = (uint16_t)vendor;
	node->pci_device = (uint16_t)device;
}

static void read_hardware(struct drm_node *node, const char *dir, const struct log *log)
{
	int n = snprintf(node->device_dir, sizeof(node->device_dir), "%s/device", dir);

	if (n >= (int)sizeof(node->device_dir)) {
		node->device_dir[0] = '\0';
		return;
	}
	read_link(dir, "device", node->address, sizeof(node->address), log);
	read_link(node->device_dir, "subsystem", node->bus, sizeof(node->bus), log);
	read_link(node->device_dir, "driver", node->driver, sizeof(node->driver), log);
	read_pci(node, log);
}

/* ---- what /dev says ---- */

static void read_group(struct drm_node *node, gid_t gid)
{
	char room[4096];
	struct group group, *found = NULL;

	if (getgrgid_r(gid, &group, room, sizeof(room), &found) == 0 && found &&
	    strlen(found->gr_name) < sizeof(node->group))
		(void)strcpy(node->group, found->gr_name);
	else
		(void)snprintf(node->group, sizeof(node->group), "%u", (unsigned)gid);
}

__attribute__((format(printf, 2, 3))) static void object(struct drm_node *node, const char *format,
							 ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(node->objection, sizeof(node->objection), format, arguments);
	va_end(arguments);
}

static void object_to_permissions(struct drm_node *node, gid_t gid)
{
	const uint32_t both = S_IRGRP | S_IWGRP;

	if (gid != 0 && (node->mode & both) == both)
		object(node,
		       "you may not open %s: ask to be in group %s (usermod -aG %s), then log in "
		       "anew",
		       node->path, node->group, node->group);
	else
		object(node,
		       "only root may open %s (mode %04" PRIo32
		       ", group %s): slm's udev rule gives it to group render",
		       node->path, node->mode, node->group);
}

static void read_access(struct drm_node *node, const char *root)
{
	char path[SYSFS_PATH_MAX];
	struct stat status;

	if (snprintf(path, sizeof(path), "%s%s", root, node->path) >= (int)sizeof(path) ||
	    stat(path, &status) < 0) {
		object(node, "there is no %s: a container has to be given it, else udev makes it",
		       node->path);
		return;
	}
	node->mode = status.st_mode & 07777;
	read_group(node, status.st_gid);
	if (node->has_number && S_ISCHR(status.st_mode) &&
	    (major(status.st_rdev) != node->major || minor(status.st_rdev) != node->minor)) {
		object(node, "%s is device %u:%u, but sysfs says %" PRIu32 ":%" PRIu32, node->path,
		       major(status.st_rdev), minor(status.st_rdev), node->major, node->minor);
		return;
	}
	node->exists = true;
	node->may_open = access(path, R_OK | W_OK) == 0;
	if (!node->may_open)
		object_to_permissions(node, status.st_gid);
}

/* ---- nodes ---- */

static int node_read(const char *root, const struct node_class *class, const char *name,
		     const struct log *log, struct drm_node *ret_node)
{
	struct drm_node node = {.kind = class->kind};
	char dir[SYSFS_PATH_MAX];
	struct stat status;

	if (snprintf(dir, sizeof(dir), "%s/sys/class/%s/%s", root, class->folder, name) >=
	    (int)sizeof(dir))
		return -EINVAL;
	if (stat(dir, &status) < 0 || !S_ISDIR(status.st_mode))
		return -ENOENT;
	(void)strcpy(node.name, name);
	(void)snprintf(node.path, sizeof(node.path), "%s/%s", class->dev, name);
	read_number(&node, class, dir, log);
	read_hardware(&node, dir, log);
	read_access(&node, root);
	*ret_node = node;
	return 0;
}

int drm_node_read(const char *root, const char *name, const struct log *log,
		  struct drm_node *ret_node)
{
	const struct node_class *class = class_of(name);

	return class ? node_read(root, class, name, log, ret_node) : -EINVAL;
}

static int add_node(struct drm_node_list *list, const char *root, const struct node_class *class,
		    const char *name, const struct log *log)
{
	int r = array_reserve(&list->nodes, &list->capacity, list->n_nodes + 1,
			      sizeof(*list->nodes));

	if (r < 0)
		return r;
	if (node_read(root, class, name, log, &list->nodes[list->n_nodes]) == 0)
		list->n_nodes++;
	else
		log_warning(log, "%s/sys/class/%s/%s is no device: ignored", root, class->folder,
			    name);
	return 0;
}

static int add_class(struct drm_node_list *list, const char *root, const struct node_class *class,
		     const struct log *log)
{
	char dir[SYSFS_PATH_MAX];
	const struct dirent *entry;
	DIR *folder;
	int r = 0;

	if (snprintf(dir, sizeof(dir), "%s/sys/class/%s", root, class->folder) >= (int)sizeof(dir))
		return 0;
	folder = opendir(dir);
	if (!folder)
		return 0;
	while (r == 0 && (entry = readdir(folder))) {
		if (!is_of_class(class, entry->d_name))
			continue;
		if (list->n_nodes == DRM_NODES_MAX) {
			log_warning(log, "%s has more nodes than the %d that are looked at", dir,
				    DRM_NODES_MAX);
			break;
		}
		r = add_node(list, root, class, entry->d_name, log);
	}
	(void)closedir(folder);
	return r;
}

static int by_number(const void *left, const void *right)
{
	const struct drm_node *a = left, *b = right;

	return strverscmp(a->name, b->name);
}

int drm_nodes_read(const char *root, const struct log *log, struct drm_node_list *ret_list)
{
	struct drm_node_list list = {0};

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		size_t before = list.n_nodes;

		if (add_class(&list, root, &classes[i], log) < 0) {
			drm_nodes_finish(&list);
			return log_oom(log, "listing the kernel's nodes");
		}
		if (list.n_nodes > before)
			qsort(list.nodes + before, list.n_nodes - before, sizeof(*list.nodes),
			      by_number);
	}
	*ret_list = list;
	return 0;
}

void drm_nodes_finish(struct drm_node_list *list)
{
	free(list->nodes);
	*list = (struct drm_node_list){0};
}
