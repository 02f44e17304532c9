/* SPDX-License-Identifier: MIT */
/* The kernel's nodes beside the list of devices: which stands behind which, and what is known of it. */
#ifndef SLM_PROGRAMS_DEVICE_NODES_H
#define SLM_PROGRAMS_DEVICE_NODES_H

#include <jansson.h>

#include "device_list.h"
#include "drm_nodes.h"
#include "drm_telemetry.h"
#include "node_map.h"

struct device_nodes {
	struct drm_node_list nodes;
	struct node_match *matches;	 /* [n_entries] of the device list */
	struct drm_telemetry *telemetry; /* [nodes.n_nodes] */
	char (*reasons)[320];		 /* [nodes.n_nodes]: "" or why no device uses the node */
};

/*
 * Reads the nodes of this machine ($SLM_SYSROOT: of a folder) and finds those of LIST's devices. With
 * QUERY each node that may be opened is, and its driver asked. 0 or -ENOMEM (logged).
 */
int device_nodes_init(struct device_nodes *nodes, const struct device_list *list, bool query,
		      const struct log *log);
void device_nodes_finish(struct device_nodes *nodes); /* a zeroed one is none */

/* "/dev/dri/renderD128 (i915)", or "" where NODE is NULL. */
enum { NODE_CELL_MAX = 256 };
const char *device_node_cell(const struct drm_node *node, char text[static NODE_CELL_MAX]);

/* An object, or null where NODE is; MATCH (may be NULL) is how it was found. */
json_t *device_node_json(const struct device_nodes *nodes, const struct drm_node *node,
			 const struct node_match *match);

/* The table of nodes and their state, with what is known of each. 0 or -ENOMEM. */
int device_nodes_print(const struct device_nodes *nodes, FILE *out);

#endif
