/* SPDX-License-Identifier: MIT */
/* The model as far as it has come: the file "part" in the staging folder, hashed as it grows. */
#ifndef SLM_PULL_PART_FILE_H
#define SLM_PULL_PART_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "hash.h"
#include "staging.h"

#define PART_FILE "part"

struct part_file {
	const struct staging *staging;
	int fd;
	uint64_t size; /* bytes written */
	struct sha256 *sha256;
};

/* Opens it; with KEEP what is there counts as written, else it is emptied. 0 or -errno, logged. */
int part_file_init(struct part_file *part, const struct staging *staging, bool keep);
void part_file_finish(struct part_file *part);

int part_file_write(struct part_file *part, const void *data, size_t size);
/* Begins anew. */
int part_file_truncate(struct part_file *part);

/*
 * Ends the writing. 0; -EBADMSG (logged, and the file is gone) when the hash is not WANTED; NULL
 * wants any. HEX is what it is.
 */
int part_file_check(struct part_file *part, const char *wanted, char hex[static SHA256_HEX_SIZE]);

/* The SHA-256 of the file at PATH, of at least 1 byte. 0 or -errno, not logged. */
int hash_of_file(const char *path, char hex[static SHA256_HEX_SIZE]);

#endif
