// SPDX-License-Identifier: MIT
/* Owns the ways from an OpenCL device to its node. Refuses to choose among equals. */
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "node_map.h"

/*
 * Platforms whose devices have no PCI address, with part of the device's name where the platform
 * stands on several drivers. From Mesa's device names and the vendors' drivers.
 */
struct known_driver {
	const char *platform;
	const char *name;	/* NULL: any */
	const char *drivers[3]; /* as struct drm_node has them */
	const char *nodes;	/* or the beginning of a vendor node's name */
};

static const struct known_driver known_drivers[] = {
	{"rusticl", "panfrost", {"panfrost", "panthor"}, NULL},
	{"rusticl", "panthor", {"panthor"}, NULL},
	{"rusticl", "Mali", {"panfrost", "panthor"}, NULL},
	{"rusticl", "V3D", {"v3d"}, NULL},
	{"rusticl", "Adreno", {"msm", "msm_drm", "adreno"}, NULL},
	{"rusticl", "FD", {"msm", "msm_drm", "adreno"}, NULL},
	{"rusticl", "Vivante", {"etnaviv", "etnaviv-gpu"}, NULL},
	{"rusticl", "Apple", {"asahi"}, NULL},
	{"rusticl", "Intel", {"i915", "xe"}, NULL},
	{"rusticl", "AMD", {"amdgpu", "radeon"}, NULL},
	{"rusticl", "NV", {"nouveau"}, NULL},
	{"ARM Platform", NULL, {NULL}, "mali"},
	{"QUALCOMM", NULL, {NULL}, "kgsl-3d"},
	{"Vivante", NULL, {NULL}, "galcore"},
	{"Intel", NULL, {"i915", "xe"}, NULL},
	{"AMD Accelerated", NULL, {"amdgpu"}, NULL},
	{"NVIDIA", NULL, {"nvidia"}, NULL},
};

/* What Mesa's rusticl calls the kernel's driver, for RUSTICL_ENABLE. */
static const struct {
	const char *driver, *reason;
} unused_reasons[] = {
	{"i915", "no OpenCL driver uses it: install intel-opencl-icd, or Mesa's with "
		 "RUSTICL_ENABLE=iris"},
	{"xe", "no OpenCL driver uses it: install intel-opencl-icd, or Mesa's with "
	       "RUSTICL_ENABLE=iris"},
	{"amdgpu", "no OpenCL driver uses it: install ROCm's, or Mesa's with "
		   "RUSTICL_ENABLE=radeonsi"},
	{"nouveau", "no OpenCL driver uses it: Mesa's does with RUSTICL_ENABLE=nouveau"},
	{"panfrost", "no OpenCL driver uses it: Mesa's does with RUSTICL_ENABLE=panfrost"},
	{"panthor", "no OpenCL driver uses it: Mesa's does with RUSTICL_ENABLE=panfrost"},
	{"v3d", "no OpenCL driver uses it: Mesa's does with RUSTICL_ENABLE=v3d"},
	{"msm", "no OpenCL driver uses it: Mesa's does with RUSTICL_ENABLE=freedreno"},
	{"asahi", "no OpenCL driver uses it: Mesa's does with RUSTICL_ENABLE=asahi"},
	{"nvidia", "no OpenCL driver uses it: install NVIDIA's (nvidia-opencl-icd)"},
};

const char *node_match_name(enum node_match_how how)
{
	static const char *const names[] = {
		[MATCH_NONE] = "none",
		[MATCH_AMBIGUOUS] = "ambiguous",
		[MATCH_CONFIGURED] = "configured",
		[MATCH_PCI_ADDRESS] = "pci-address",
		[MATCH_PCI_IDS] = "pci-ids",
		[MATCH_DRIVER] = "driver",
	};

	return names[how];
}

const char *node_map_unused_reason(const struct drm_node *node)
{
	if (node->kind == NODE_ACCEL)
		return "no OpenCL driver for it: accel drivers do not run OpenCL C, so that only "
		       "its state is read";
	for (size_t i = 0; i < ARRAY_SIZE(unused_reasons); i++) {
		if (strcmp(node->driver, unused_reasons[i].driver) == 0)
			return unused_reasons[i].reason;
	}
	return "no OpenCL driver for it";
}

/* ---- configured ---- */

/* One "selector=node" of a list; the pieces point into it. */
struct pair {
	const char *selector, *node;
	size_t selector_length, node_length;
};

/* Moves *REST past one word. False at the end; a word without = has no node. */
static bool next_pair(const char **rest, struct pair *ret_pair)
{
	size_t n = strcspn(*rest, ",");
	const char *equals = memchr(*rest, '=', n);

	if (**rest == '\0')
		return false;
	*ret_pair = (struct pair){.selector = *rest, .selector_length = n};
	if (equals) {
		ret_pair->selector_length = (size_t)(equals - *rest);
		ret_pair->node = equals + 1;
		ret_pair->node_length = n - ret_pair->selector_length - 1;
	}
	*rest += n + ((*rest)[n] == ',');
	return true;
}

static bool is_text(const char *text, size_t n, const char *wanted)
{
	return strlen(wanted) == n && memcmp(text, wanted, n) == 0;
}

static bool names_node(const struct pair *pair, const struct drm_node *node)
{
	return is_text(pair->node, pair->node_length, node->path) ||
	       is_text(pair->node, pair->node_length, node->name);
}

static const struct drm_node *configured_node(const struct drm_node_list *list,
					      const struct pair *pair)
{
	for (size_t i = 0; i < list->n_nodes; i++) {
		if (names_node(pair, &list->nodes[i]))
			return &list->nodes[i];
	}
	return NULL;
}

static bool find_configured(const struct drm_node_list *list, const struct node_claim *claim,
			    const char *configured, struct node_match *ret_match)
{
	struct pair pair;

	while (configured && next_pair(&configured, &pair)) {
		if (!pair.node || !is_text(pair.selector, pair.selector_length, claim->selector))
			continue;
		ret_match->node = configured_node(list, &pair);
		ret_match->how = ret_match->node ? MATCH_CONFIGURED : MATCH_NONE;
		(void)snprintf(ret_match->note, sizeof(ret_match->note),
			       ret_match->node ? "configured" : "configured to have no node");
		return true;
	}
	return false;
}

void node_map_check(const struct drm_node_list *list, const char *configured, const struct log *log)
{
	struct pair pair;

	while (configured && next_pair(&configured, &pair)) {
		if (!pair.node || pair.selector_length == 0 || pair.node_length == 0)
			log_warning(log,
				    "SLM_DEVICE_NODES: '%.*s' is not of the form "
				    "opencl:0.0=/dev/dri/renderD128: ignored",
				    (int)pair.selector_length, pair.selector);
		else if (!is_text(pair.node, pair.node_length, "none") &&
			 !configured_node(list, &pair))
			log_warning(log,
				    "SLM_DEVICE_NODES: there is no node '%.*s' for %.*s: it has "
				    "none now",
				    (int)pair.node_length, pair.node, (int)pair.selector_length,
				    pair.selector);
	}
}

/* ---- found ---- */

typedef bool (*fits_function)(const struct drm_node *node, const struct node_claim *claim);

static bool fits_address(const struct drm_node *node, const struct node_claim *claim)
{
	return claim->has_pci && node->has_pci && pci_address_equal(&node->pci, &claim->pci);
}

static bool fits_ids(const struct drm_node *node, const struct node_claim *claim)
{
	return claim->pci_device != 0 && node->has_pci && node->pci_vendor == claim->pci_vendor &&
	       node->pci_device == claim->pci_device;
}

static bool is_known(const struct known_driver *known, const struct node_claim *claim)
{
	return strcasestr(claim->platform, known->platform) &&
	       (!known->name || strcasestr(claim->name, known->name));
}

static bool has_driver(const struct drm_node *node, const struct known_driver *known)
{
	if (known->nodes)
		return node->kind == NODE_VENDOR &&
		       strncmp(node->name, known->nodes, strlen(known->nodes)) == 0;
	for (size_t i = 0; i < ARRAY_SIZE(known->drivers) && known->drivers[i]; i++) {
		if (node->kind == NODE_RENDER && strcmp(node->driver, known->drivers[i]) == 0)
			return true;
	}
	return false;
}

static bool fits_driver(const struct drm_node *node, const struct node_claim *claim)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_drivers); i++) {
		if (is_known(&known_drivers[i], claim))
			return has_driver(node, &known_drivers[i]);
	}
	return false;
}

/* A render node is what a driver of OpenCL opens; several of one hardware are no ambiguity. */
static bool is_better(const struct drm_node *node, const struct drm_node *than)
{
	return node->kind == NODE_RENDER && than->kind != NODE_RENDER;
}

static bool is_same_hardware(const struct drm_node *a, const struct drm_node *b)
{
	return a->has_pci && b->has_pci && pci_address_equal(&a->pci, &b->pci);
}

static bool find_fitting(const struct drm_node_list *list, const struct node_claim *claim,
			 fits_function fits, enum node_match_how how, struct node_match *ret_match)
{
	const struct drm_node *best = NULL;

	for (size_t i = 0; i < list->n_nodes; i++) {
		const struct drm_node *node = &list->nodes[i];

		if (!fits(node, claim))
			continue;
		if (best && !is_same_hardware(node, best)) {
			ret_match->how = MATCH_AMBIGUOUS;
			ret_match->node = best;
			(void)snprintf(ret_match->note, sizeof(ret_match->note),
				       "%s and %s fit equally well: say which in SLM_DEVICE_NODES",
				       best->path, node->path);
			return true;
		}
		if (!best || is_better(node, best))
			best = node;
	}
	if (!best)
		return false;
	ret_match->how = how;
	ret_match->node = best;
	return true;
}

struct node_match node_map_find(const struct drm_node_list *list, const struct node_claim *claim,
				const char *configured)
{
	struct node_match match = {.how = MATCH_NONE};

	if (find_configured(list, claim, configured, &match))
		return match;
	if (claim->is_host_cpu) {
		(void)snprintf(match.note, sizeof(match.note), "a processor has no node");
		return match;
	}
	if (find_fitting(list, claim, fits_address, MATCH_PCI_ADDRESS, &match))
		return match;
	/* A PCI address that no node has is an answer too: no other way could be right. */
	if (claim->has_pci)
		(void)snprintf(match.note, sizeof(match.note), "no node has its PCI address");
	else if (!find_fitting(list, claim, fits_ids, MATCH_PCI_IDS, &match))
		(void)find_fitting(list, claim, fits_driver, MATCH_DRIVER, &match);
	return match;
}
