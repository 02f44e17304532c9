/* SPDX-License-Identifier: MIT */
/* Where a part came from, kept beside it, so that another run can go on with it. */
#ifndef SLM_PULL_SOURCE_FILE_H
#define SLM_PULL_SOURCE_FILE_H

#include <stdint.h>

#include "staging.h"

struct source {
	char *url;	 /* NULL: nothing is known */
	char *validator; /* for If-Range; NULL: the server gave none */
	uint64_t total;	 /* bytes of the whole file; 0: unknown */
};

/* What is not there or makes no sense gives an empty source. 0 or -ENOMEM (logged). */
int source_load(struct source *source, const struct staging *staging);
/* Replaces SOURCE and its file. 0 or -errno, logged. */
int source_save(struct source *source, const struct staging *staging, const char *url,
		const char *validator, uint64_t total);
void source_finish(struct source *source);

#endif
