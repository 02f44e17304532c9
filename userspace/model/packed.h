/* SPDX-License-Identifier: MIT */
/*
 * The matrices of a model in tile layout (packed_type.h): made once, kept in a file of the cache
 * folder, mapped read-only from then on. The file's name is a key over the path of the model and,
 * for each of its files, size, time, header and samples of its data; a file that does not fit its key is made anew. Without a
 * usable folder (none given, read-only, full) the weights are packed into memory, with a warning.
 */
#ifndef SLM_MODEL_PACKED_H
#define SLM_MODEL_PACKED_H

#include <stdbool.h>
#include <stdint.h>

#include "log.h"
#include "model.h"
#include "progress.h"
#include "thread_pool.h"

struct packed_params {
	const struct model *model; /* used only during the call */
	const char *cache_dir;	   /* NULL: pack into memory */
	struct thread_pool *pool;
	const struct progress *progress; /* NULL: none */
	const struct log *log;
};

struct packed;

/* 0, -ENOMEM, -ECANCELED (not logged), or -EIO when the cache file cannot be read back. */
int packed_create(const struct packed_params *params, struct packed **ret_packed);
void packed_destroy(struct packed *packed);

/* Matrix ID (struct matrix) in tile layout, 4096-byte aligned; lives as long as the struct packed. */
const uint8_t *packed_matrix(const struct packed *packed, uint32_t id);

/* Bytes of a matrix in tile layout: each expert's rows begin with a tile of their own. */
uint64_t packed_bytes_of(const struct matrix *matrix);

/* Bytes of all matrices in tile layout; callable before anything is packed. */
uint64_t packed_bytes(const struct model *model);

/* Is the file of the cache in use (then its pages are shared and can be dropped and read again)? */
bool packed_is_mapped(const struct packed *packed);

#endif
