/* SPDX-License-Identifier: MIT */
/*
 * The kernel's nodes of GPUs and accelerators, as sysfs tells of them. Nothing is opened: opening an
 * accel node binds memory, pins a module or powers hardware up.
 *
 * ROOT is where /sys and /dev are looked for; "" is the machine itself, a test gives a folder.
 */
#ifndef SLM_SIGNALS_DRM_NODES_H
#define SLM_SIGNALS_DRM_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "pci_address.h"

enum {
	DRM_TEXT_MAX = 128,
	DRM_NAME_MAX = 32,
	DRM_NODES_MAX = 256, /* of a list; more are left out with a warning */
};

enum drm_node_kind {
	NODE_RENDER, /* /dev/dri/renderD128: DRM, major 226 */
	NODE_ACCEL,  /* /dev/accel/accel0: DRM, major 261; no driver of these runs OpenCL C */
	NODE_VENDOR, /* /dev/mali0 and the like: what vendors' OpenCL drivers use instead of DRM */
};

/* Texts are "" where sysfs does not say. */
struct drm_node {
	enum drm_node_kind kind;
	char name[DRM_NAME_MAX];     /* "renderD128" */
	char path[DRM_NAME_MAX * 2]; /* "/dev/dri/renderD128", without ROOT */
	/*
	 * The driver bound to the hardware, as the bus calls it: "i915", "intel_vpu", "amdxdna". DRM
	 * may have another name for it, which only an open node tells.
	 */
	char driver[DRM_TEXT_MAX];
	char bus[DRM_NAME_MAX];	    /* "pci", "platform", "usb", "faux", ... */
	char address[DRM_TEXT_MAX]; /* on that bus: "0000:00:0b.0", "fb000000.gpu" */
	bool has_pci;		    /* PCI and the next two are known */
	struct pci_address pci;
	uint16_t pci_vendor, pci_device;
	bool has_number;
	uint32_t major, minor;
	bool exists;		  /* PATH is there, and what sysfs says is behind it */
	uint32_t mode;		  /* of PATH where it exists: 0660 */
	char group[DRM_NAME_MAX]; /* that owns it */
	bool may_open;		  /* so say its permissions; a sandbox may say otherwise */
	char objection
		[256]; /* "" or why it may not, and what to do: a clause without a full stop */
	char device_dir[320]; /* the hardware's folder in sysfs, with ROOT: for drm_telemetry.h */
};

struct drm_node_list {
	struct drm_node *nodes; /* [n_nodes]: accel, render, vendor; each by number */
	size_t n_nodes;
	size_t capacity;
};

/*
 * Every node there is. What is odd in sysfs is named in a warning and left unknown; no sysfs is an
 * empty list. 0 or -ENOMEM.
 */
int drm_nodes_read(const char *root, const struct log *log, struct drm_node_list *ret_list);
void drm_nodes_finish(struct drm_node_list *list); /* a zeroed list is one */

/*
 * One node by its name, which may come from a uevent. 0; -ENOENT where sysfs has none; -EINVAL for a
 * name that no node can have.
 */
int drm_node_read(const char *root, const char *name, const struct log *log,
		  struct drm_node *ret_node);

/* Is it "renderDN" or "accelN"? */
bool drm_node_kind_of(const char *name, enum drm_node_kind *ret_kind);

const char *drm_node_kind_name(enum drm_node_kind kind); /* "render", "accel", "vendor" */

#endif
