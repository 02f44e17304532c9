/* SPDX-License-Identifier: MIT */
/*
 * The folder ".FILE.pull" beside a model's place, in which the file is put together. It is locked
 * while in use, stays behind when a pull is interrupted or killed, and is used again by the next
 * one; the model appears by one rename.
 */
#ifndef SLM_PULL_STAGING_H
#define SLM_PULL_STAGING_H

#include <stdint.h>

#include "log.h"

struct staging {
	char *models; /* the folder */
	char *target; /* of the model */
	char *path;   /* of the staging folder */
	int lock_fd;  /* -1: none */
	const struct log *log;
};

#define STAGING_NONE          \
	(struct staging)      \
	{                     \
		.lock_fd = -1 \
	}

/*
 * Makes and locks the folder for the model FILE in the folder MODELS; waits while another process
 * has it. 0 or -errno, logged; -ECANCELED when interrupted.
 */
int staging_init(struct staging *staging, const char *models, const char *file,
		 const struct log *log);
/* Unlocks. What is in the folder stays for the next time; an empty folder goes. */
void staging_finish(struct staging *staging);

/* The path of NAME in the folder; the caller frees. NULL (logged) when out of memory. */
char *staging_file(const struct staging *staging, const char *name);

/* Makes the file NAME the model, synced, and removes the folder. 0 or -errno, logged. */
int staging_publish(struct staging *staging, const char *name);

/* Removes all that is in the folder. */
void staging_empty(const struct staging *staging);
/* Removes the folder NAME in it with all it holds. */
void staging_remove(const struct staging *staging, const char *name);

/* Logs -ENOSPC when BYTES more do not fit into the file system. */
int staging_check_space(const struct staging *staging, uint64_t bytes);

/* The sentence for a failed write here. Gives -ERROR. */
int staging_write_failed(const struct staging *staging, int error);

#endif
