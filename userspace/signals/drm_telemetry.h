/* SPDX-License-Identifier: MIT */
/*
 * What is known of a node's hardware at this moment: memory, clock, power, use. From three sources,
 * each optional, in the order of their cost: sysfs, the kernel's books on our own open nodes
 * (Documentation/gpu/drm-usage-stats.rst), and queries to the driver through a node that is open.
 */
#ifndef SLM_SIGNALS_DRM_TELEMETRY_H
#define SLM_SIGNALS_DRM_TELEMETRY_H

#include "drm_nodes.h"

/* "Nobody says", which is not 0. */
#define FACT_UNKNOWN UINT64_MAX

/* Figures are FACT_UNKNOWN, texts "", where nothing is known. */
struct drm_telemetry {
	uint64_t memory_total_bytes; /* the hardware's own */
	uint64_t memory_used_bytes;  /* by everybody */
	uint64_t memory_free_bytes;
	uint64_t own_memory_bytes; /* held by this process */
	uint64_t sram_bytes;
	uint64_t clock_mhz; /* now; 0: asleep */
	uint64_t clock_max_mhz;
	uint64_t power_mw;
	uint64_t energy_uj; /* since the driver came up; wraps, may step back */
	uint64_t temperature_mc;
	uint64_t busy_percent;
	uint64_t busy_us;     /* since the driver came up; ask once a second at most */
	uint64_t own_busy_us; /* by this process, over all engines; may step back */
	char firmware[64];
	char power_mode[16];
	char driver_version[64]; /* DRM's name and version of the driver */
};

/* One figure of the struct, for those who show all of them. */
struct drm_fact {
	const char *name; /* "clock_mhz", stable */
	size_t offset;	  /* of a uint64_t in struct drm_telemetry */
	/* For people: LABEL, the figure divided by DIVISOR with so many DECIMALS, UNIT. */
	const char *label, *unit;
	unsigned divisor;
	int decimals;
};

extern const struct drm_fact drm_facts[]; /* [n_drm_facts] */
extern const size_t n_drm_facts;

/* The value of FACT in TELEMETRY. */
uint64_t drm_fact_value(const struct drm_fact *fact, const struct drm_telemetry *telemetry);

void drm_telemetry_init(struct drm_telemetry *telemetry); /* nothing is known */

/*
 * Adds what NODE's sysfs says. What is no number, or larger than can be, is named in a warning and
 * stays unknown; a file that is not there is no news.
 */
void drm_telemetry_read_sysfs(struct drm_telemetry *telemetry, const struct drm_node *node,
			      const struct log *log);

/* Adds what ROOT/proc/self/fdinfo says of the fds by which this process holds NODE. */
void drm_telemetry_read_fdinfo(struct drm_telemetry *telemetry, const char *root,
			       const struct drm_node *node);

/*
 * Adds what the driver answers through FD, NODE opened by the caller: its version, and for accel nodes
 * the queries of uapi/accel. A question that fails leaves its answer unknown. Never asks for the bus id
 * (DRM_IOCTL_GET_UNIQUE), at which kernels crash on accel nodes.
 */
void drm_telemetry_query(struct drm_telemetry *telemetry, const struct drm_node *node, int fd);

/*
 * Opens NODE under ROOT for queries and closes it again, with the effects that drm_nodes.h warns of:
 * only for users who asked. 0 or -errno, not logged.
 */
int drm_telemetry_open_and_query(struct drm_telemetry *telemetry, const char *root,
				 const struct drm_node *node);

#endif
