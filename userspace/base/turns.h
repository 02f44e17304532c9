/* SPDX-License-Identifier: MIT */
/*
 * Who computes now: a lock that is handed on in the order in which it was asked for, so that one who takes
 * it again and again does not keep it from another. Waiters sleep.
 */
#ifndef SLM_BASE_TURNS_H
#define SLM_BASE_TURNS_H

#include <pthread.h>
#include <stdint.h>

struct turns {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Below the lock. */
	uint64_t n_asked, n_given_back;
};

void turns_init(struct turns *turns);
void turns_finish(struct turns *turns);

/* Waits for our turn, and ends it. */
void turns_take(struct turns *turns);
void turns_give(struct turns *turns);

#endif
