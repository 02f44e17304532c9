/* SPDX-License-Identifier: MIT */
/*
 * Work that one thread does beside another, which looks now and then whether it is done. What it works on
 * is its own until errand_join().
 */
#ifndef SLM_BASE_ERRAND_H
#define SLM_BASE_ERRAND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "log.h"

struct errand {
	int (*run)(void *data);
	void *data;
	pthread_t thread;
	atomic_bool is_done;
	int result;
};

/*
 * Starts RUN(DATA) on a thread that takes no signals from outside. 0, or a negative errno (logged). A started errand
 * stays where it is until it is joined.
 */
int errand_start(struct errand *errand, int (*run)(void *data), void *data, const struct log *log);
bool errand_is_done(const struct errand *errand);
/* Waits for it, and gives what RUN gave. */
int errand_join(struct errand *errand);

#endif
