/* SPDX-License-Identifier: MIT */
/* A model from a URL, by http or https: goes on where it was interrupted, in this run or another. */
#ifndef SLM_PULL_URL_FETCH_H
#define SLM_PULL_URL_FETCH_H

#include <stdbool.h>

#include "part_file.h"
#include "progress_bar.h"

/* Is TEXT a URL of a kind that is fetched? */
bool url_is_one(const char *text);

/* The file name in URL, to be freed. 0; -EINVAL (logged) when there is none that may be used. */
int url_file_name(const char *url, const struct log *log, char **ret_name);

/*
 * Fetches into PART, which url_part_init() has opened. 0; -EBADMSG when it is no GGUF file; -EIO,
 * -ENETUNREACH, -ENOSPC and others; logged. -ECANCELED when interrupted.
 */
int url_fetch(const char *url, const struct staging *staging, struct progress_bar *bar,
	      struct part_file *part);

/* Opens the part, keeping what came from the same URL before. 0 or -errno, logged. */
int url_part_init(struct part_file *part, const char *url, const struct staging *staging);

#endif
