/* SPDX-License-Identifier: MIT */
/*
 * A team of threads that runs one function together, in steps divided by barriers.
 *
 * A waiting member spins for a bounded time, because a step of a small model lasts microseconds,
 * and then sleeps in the kernel, because a busy box has better use for the core. Items of a step
 * are dealt in chunks: each member first takes its own contiguous share (one sequential stream of
 * memory per core), then helps with what others have left, so that a member whose core is taken
 * by another process holds up one chunk and not its whole share. When even that costs more than the
 * member is worth (the others wait for it a good part of the time), the team goes on without it for a
 * while and then tries again.
 */
#ifndef SLM_BASE_THREAD_POOL_H
#define SLM_BASE_THREAD_POOL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "log.h"

enum { THREAD_POOL_MAX = 256 };

struct thread_pool;

/* Runs on every member of the team at the time; INDEX is 0 (the calling thread) to size - 1. */
typedef void (*thread_pool_fn)(void *arg, unsigned index);

/*
 * The signals that a thread of ours blocks: handlers of the program may want the caller's thread.
 */
void thread_pool_signals(sigset_t *ret_blocked);

/* Cores this process may use: its affinity mask, one per physical core. At least 1. */
unsigned thread_pool_default_size(void);

/* N_THREADS members, the caller included; 0 means the default. -EINVAL over THREAD_POOL_MAX. */
int thread_pool_create(unsigned n_threads, const struct log *log, struct thread_pool **ret_pool);
void thread_pool_destroy(struct thread_pool *pool);
/* Members at most, however many take part at the moment. */
unsigned thread_pool_size(const struct thread_pool *pool);

/* Runs FUNCTION on the team and returns when all have returned. Calls from several threads take
 * turns. */
void thread_pool_run(struct thread_pool *pool, thread_pool_fn function, void *arg);

/* The next items [*ret_first, *ret_last) of N_ITEMS for member INDEX, at most CHUNK of them; false
 * when none is left in this step. Within a step all members pass the same N_ITEMS and CHUNK. */
bool thread_pool_next(struct thread_pool *pool, unsigned index, size_t n_items, size_t chunk,
		      size_t *ret_first, size_t *ret_last);

/* Ends a step: returns when all members have called it; their writes are then visible to all.
 * Every member must call it equally often. */
void thread_pool_barrier(struct thread_pool *pool, unsigned index);

#endif
