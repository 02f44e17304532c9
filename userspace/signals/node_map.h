/* SPDX-License-Identifier: MIT */
/*
 * Which kernel node stands behind an OpenCL device. Pure: compares a list of nodes with what a driver
 * said; asks neither the kernel nor OpenCL. Nothing is guessed: where two nodes fit equally well the
 * answer is "ambiguous".
 *
 * Best first: what the user configured; the PCI address; the PCI vendor and device; the driver that a
 * platform is known to sit on, where exactly one node has it.
 */
#ifndef SLM_SIGNALS_NODE_MAP_H
#define SLM_SIGNALS_NODE_MAP_H

#include "drm_nodes.h"

/* What an OpenCL driver says of one of its devices. Texts live during the call. */
struct node_claim {
	const char *selector; /* "opencl:0.1": what the configuration calls it */
	const char *platform; /* CL_PLATFORM_NAME */
	const char *name;     /* CL_DEVICE_NAME */
	bool is_host_cpu;     /* no node stands behind a processor */
	bool has_pci;
	struct pci_address pci; /* cl_khr_pci_bus_info, or AMD's or NVIDIA's query */
	uint32_t pci_vendor;	/* 0: unknown */
	uint32_t pci_device;	/* 0: unknown; only Intel's driver tells */
};

enum node_match_how {
	MATCH_NONE,
	MATCH_AMBIGUOUS, /* several nodes fit; the first of them is .node */
	MATCH_CONFIGURED,
	MATCH_PCI_ADDRESS,
	MATCH_PCI_IDS,
	MATCH_DRIVER,
};

struct node_match {
	enum node_match_how how;
	const struct drm_node *node; /* of the list; NULL with MATCH_NONE */
	char note[192];		     /* "" or what there is to say: why none, or which fit */
};

/*
 * CONFIGURED is $SLM_DEVICE_NODES: "opencl:0.0=/dev/dri/renderD128,opencl:1.0=none", or NULL. A device
 * that it names has the node it names, or none; words that are no such pair are ignored here and told
 * by node_map_check(). Where a render and an accel node belong to one PCI function the render node wins.
 */
struct node_match node_map_find(const struct drm_node_list *list, const struct node_claim *claim,
				const char *configured);

/* Logs what is wrong with CONFIGURED (may be NULL), and nodes in it that LIST does not have. */
void node_map_check(const struct drm_node_list *list, const char *configured,
		    const struct log *log);

const char *node_match_name(enum node_match_how how); /* "none", "ambiguous", "pci-address", ... */

/*
 * Why NODE, which no OpenCL device has claimed, is not used, and what may help: a sentence without a
 * full stop, static.
 */
const char *node_map_unused_reason(const struct drm_node *node);

#endif
