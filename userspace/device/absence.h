/* SPDX-License-Identifier: MIT */
/*
 * The memory that no OpenCL driver has a device to choose, in <cache>/no-devices: to load the drivers
 * only to learn that again takes ten times as long as the rest of a start. It holds under a key of all
 * that could change the answer:
 *
 *   the environment, all of it but what shells change from one command to the next, because drivers
 *     obey more variables than anyone can list (RUSTICL_ENABLE, POCL_DEVICES, CUDA_VISIBLE_DEVICES);
 *   whom drivers may act for: user, groups, limits, name spaces, control group;
 *   every character device below /dev that is no terminal, with its number, owner, mode and time of
 *     change, so that a node which came, went, or was given to somebody voids it;
 *   the PCI devices, the loaded modules, and the modules there are: some drivers make nodes themselves;
 *   the ICD files, the libraries they name by path, the linker's cache, our version, and this boot.
 *
 * What cannot be seen so is a driver that failed for a moment, or whose device is another machine: an
 * answer is good for ten minutes then, and no answer is kept where POCL_DEVICES and its like name such. Nor
 * is one where the loader is told of drivers by a relative path, or of a list of them.
 */
#ifndef SLM_DEVICE_ABSENCE_H
#define SLM_DEVICE_ABSENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "hash.h"

enum {
	ABSENCE_SECONDS = 600,
	ABSENCE_KEYS_MAX = 16, /* kept: of other environments and users of this folder */
};

struct absence {
	char key[SHA256_HEX_SIZE];
	char *path;
	uint64_t now_s; /* since boot, when the facts were read */
};

/*
 * Reads the facts below ROOT ("": of this machine) before drivers are asked, so that what comes
 * meanwhile makes another key. 0; -ENOENT where they do not say enough; -ENOMEM. Not logged.
 */
int absence_init(struct absence *absence, const char *root, const char *cache_dir);
void absence_finish(struct absence *absence);

/* False also where the file is not there, not whole, or not ours. */
bool absence_is_known(const struct absence *absence);

/* The drivers have been asked and have nothing to choose. A file that cannot be written is not. */
void absence_remember(const struct absence *absence);

/* Somebody found a device: nothing that was kept is to be trusted. CACHE_DIR may be NULL. */
void absence_forget(const char *cache_dir);

#endif
