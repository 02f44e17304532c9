/* SPDX-License-Identifier: MIT */
/* A whole regular file, mapped read-only. */
#ifndef SLM_BASE_FILE_MAP_H
#define SLM_BASE_FILE_MAP_H

#include <stdint.h>

#include "log.h"

struct file_map {
	const uint8_t *data; /* page-aligned; NULL when the file is empty */
	uint64_t size;	     /* bytes */
	int64_t mtime_ns;
};

/*
 * Maps PATH. Directories, FIFOs, devices and sockets are refused (-EISDIR, -ENOTSUP) without being
 * opened for reading, so that a FIFO cannot hang us. 0 or -errno, logged.
 */
int file_map_init(struct file_map *map, const char *path, const struct log *log);
void file_map_finish(struct file_map *map);

#endif
