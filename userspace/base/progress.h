/* SPDX-License-Identifier: MIT */
/* Work that takes long enough to be watched, and ended. */
#ifndef SLM_BASE_PROGRESS_H
#define SLM_BASE_PROGRESS_H

#include <errno.h>
#include <stdint.h>

/* A total of no more counts parts of the work; beyond, bytes. */
#define PROGRESS_PARTS_MAX 1000

/* Called from the thread that works; DONE goes up to TOTAL. Not 0 ends the work. */
struct progress {
	int (*report)(void *data, const char *doing, uint64_t done, uint64_t total);
	void *data;
};

/* 0, or -ECANCELED. PROGRESS may be NULL. */
static inline int progress_report(const struct progress *progress, const char *doing, uint64_t done,
				  uint64_t total)
{
	return progress && progress->report(progress->data, doing, done, total) ? -ECANCELED : 0;
}

#endif
