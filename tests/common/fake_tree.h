/* SPDX-License-Identifier: MIT */
/* A folder that stands for / with the files of /sys, /dev and /proc that a test wants. */
#ifndef SLM_TESTS_FAKE_TREE_H
#define SLM_TESTS_FAKE_TREE_H

#include <stddef.h>

struct fake_tree {
	char root[64];
};

/* All abort the test where the file system refuses. Folders are made as needed. */
void fake_tree_init(struct fake_tree *tree);
void fake_tree_finish(struct fake_tree *tree);
void fake_bytes(const struct fake_tree *tree, const char *path, const void *bytes, size_t size);
void fake_text(const struct fake_tree *tree, const char *path, const char *text);
void fake_link(const struct fake_tree *tree, const char *path, const char *target);
void fake_folder(const struct fake_tree *tree, const char *path);

/* A DRM node as a kernel shows it: class folder, hardware, node in /dev of mode 0660. */
struct fake_node {
	const char *class;	     /* "accel", "drm", "misc" */
	const char *name;	     /* "accel0" */
	const char *dev;	     /* "/dev/accel/accel0" */
	const char *number;	     /* "261:0" */
	const char *hardware;	     /* below /sys/devices: "pci0000:00/0000:00:0b.0" */
	const char *bus;	     /* "pci" */
	const char *driver;	     /* NULL: none bound */
	const char *vendor, *device; /* "0x8086"; NULL: no such files */
};

void fake_node(const struct fake_tree *tree, const struct fake_node *node);

#endif
