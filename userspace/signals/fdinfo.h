/* SPDX-License-Identifier: MIT */
/* What the kernel books for one open DRM file, as /proc/PID/fdinfo/FD tells. */
#ifndef SLM_SIGNALS_FDINFO_H
#define SLM_SIGNALS_FDINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pci_address.h"

struct fdinfo {
	bool is_drm; /* has a drm-driver */
	bool has_pci;
	struct pci_address pci;
	uint64_t client_id;    /* files with the same id are one client; UINT64_MAX: unknown */
	uint64_t memory_bytes; /* resident, else total, over regions; UINT64_MAX: unknown */
	uint64_t busy_ns;      /* over engines; UINT64_MAX: unknown */
};

/* TEXT of SIZE bytes, which may hold anything. Lines that make no sense are passed over. */
void fdinfo_parse(const char *text, size_t size, struct fdinfo *ret_info);

#endif
