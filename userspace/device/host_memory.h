/* SPDX-License-Identifier: MIT */
/* How much memory the host has for this process: what the machine has, within its cgroups' limits. */
#ifndef SLM_DEVICE_HOST_MEMORY_H
#define SLM_DEVICE_HOST_MEMORY_H

#include <stdint.h>

struct host_memory {
	uint64_t total_bytes;
	uint64_t available_bytes; /* without swapping */
};

/*
 * Reads below ROOT, "" for the machine's own files: /proc/meminfo, and of the process's cgroup (version
 * 2) and all above it memory.max and memory.high, of which memory.current takes its part; what the
 * kernel would give back first (inactive_file) counts as available. Files that are missing or say "max"
 * set no limit. 0; -EIO without a /proc/meminfo that says both sizes. Not logged.
 */
int host_memory_read(const char *root, struct host_memory *ret);

#endif
