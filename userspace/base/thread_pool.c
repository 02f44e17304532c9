// SPDX-License-Identifier: MIT
/*
 * Owns the compute threads. Refuses to pin them: on a shared box the kernel places them better,
 * and an inherited affinity mask stays in force.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "array.h"
#include "cleanup.h"
#include "clock.h"
#include "thread_pool.h"

enum {
	CACHE_LINE = 64,
	/* Between two steps of a token: others arrive within microseconds or have lost their core. */
	BARRIER_SPIN_NS = 30000,
	/* Between two tokens: sampling and text take this long; then the box has us asleep. */
	IDLE_SPIN_NS = 150000,
	SPINS_PER_CLOCK = 64,
};

/* A word that threads wait on. SLEEPERS spares the system call when nobody sleeps. */
struct signal_word {
	_Alignas(CACHE_LINE) atomic_uint value;
	atomic_uint sleepers;
};

struct cursor_line {
	_Alignas(CACHE_LINE) atomic_size_t taken;
};

struct member {
	struct thread_pool *pool;
	unsigned index;
	pthread_t thread;
};

struct thread_pool {
	struct signal_word start;   /* counts runs */
	struct signal_word barrier; /* counts steps */
	_Alignas(CACHE_LINE) atomic_uint arrived;
	atomic_bool stopping;
	thread_pool_fn function;
	void *arg;
	pthread_mutex_t turn;
	unsigned size;
	unsigned n_started;	     /* threads that exist, the caller not counted */
	struct member *members;	     /* [size] */
	struct cursor_line *cursors; /* [size] */
};

DEFINE_CLEANUP(struct thread_pool, thread_pool_destroy)

static void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static bool spin_until_changed(struct signal_word *word, unsigned old, uint64_t spin_ns)
{
	uint64_t until = 0;

	for (;;) {
		for (int i = 0; i < SPINS_PER_CLOCK; i++) {
			if (atomic_load_explicit(&word->value, memory_order_acquire) != old)
				return true;
			cpu_relax();
		}
		if (until == 0)
			until = clock_now_ns() + spin_ns;
		else if (clock_now_ns() > until)
			return false;
	}
}

static void wait_until_changed(struct signal_word *word, unsigned old, uint64_t spin_ns)
{
	if (spin_until_changed(word, old, spin_ns))
		return;
	atomic_fetch_add(&word->sleepers, 1);
	while (atomic_load(&word->value) == old)
		(void)syscall(SYS_futex, &word->value, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
	atomic_fetch_sub(&word->sleepers, 1);
}

static void advance(struct signal_word *word)
{
	atomic_fetch_add(&word->value, 1);
	if (atomic_load(&word->sleepers) > 0)
		(void)syscall(SYS_futex, &word->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void thread_pool_barrier(struct thread_pool *pool, unsigned index)
{
	unsigned step;

	(void)index;
	step = atomic_load_explicit(&pool->barrier.value, memory_order_relaxed);
	if (atomic_fetch_add(&pool->arrived, 1) + 1 < pool->size) {
		wait_until_changed(&pool->barrier, step, BARRIER_SPIN_NS);
		return;
	}
	/* All have arrived: nobody takes items now, so the last one may deal the next step. */
	for (unsigned i = 0; i < pool->size; i++)
		atomic_store_explicit(&pool->cursors[i].taken, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
	advance(&pool->barrier);
}

static bool take_from(struct thread_pool *pool, unsigned owner, size_t n_items, size_t chunk,
		      size_t *ret_first, size_t *ret_last)
{
	size_t first = n_items * owner / pool->size;
	size_t last = n_items * (owner + 1) / pool->size;
	atomic_size_t *taken = &pool->cursors[owner].taken;

	if (first + atomic_load_explicit(taken, memory_order_relaxed) >= last)
		return false;
	first += atomic_fetch_add_explicit(taken, chunk, memory_order_relaxed);
	if (first >= last)
		return false;
	*ret_first = first;
	*ret_last = MIN(first + chunk, last);
	return true;
}

bool thread_pool_next(struct thread_pool *pool, unsigned index, size_t n_items, size_t chunk,
		      size_t *ret_first, size_t *ret_last)
{
	for (unsigned i = 0; i < pool->size; i++) {
		if (take_from(pool, (index + i) % pool->size, n_items, chunk, ret_first, ret_last))
			return true;
	}
	return false;
}

static void *member_main(void *data)
{
	struct member *member = data;
	struct thread_pool *pool = member->pool;
	unsigned seen = 0;

	for (;;) {
		wait_until_changed(&pool->start, seen, IDLE_SPIN_NS);
		seen++;
		if (atomic_load(&pool->stopping))
			return NULL;
		pool->function(pool->arg, member->index);
		thread_pool_barrier(pool, member->index);
	}
}

void thread_pool_run(struct thread_pool *pool, thread_pool_fn function, void *arg)
{
	(void)pthread_mutex_lock(&pool->turn);
	pool->function = function;
	pool->arg = arg;
	advance(&pool->start);
	function(arg, 0);
	thread_pool_barrier(pool, 0);
	(void)pthread_mutex_unlock(&pool->turn);
}

unsigned thread_pool_size(const struct thread_pool *pool)
{
	return pool->size;
}

static unsigned siblings_before(unsigned cpu, const cpu_set_t *allowed)
{
	char path[96];
	_cleanup_fclose_ FILE *file = NULL;
	unsigned first = cpu;

	(void)snprintf(path, sizeof(path),
		       "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%u", &first) != 1 || first >= CPU_SETSIZE)
		return 0;
	return first < cpu && CPU_ISSET(first, allowed) ? 1 : 0;
}

unsigned thread_pool_default_size(void)
{
	cpu_set_t allowed;
	unsigned n = 0;

	CPU_ZERO(&allowed);
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return 1;
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &allowed) && siblings_before(cpu, &allowed) == 0)
			n++;
	}
	return MIN(MAX(n, 1), (unsigned)THREAD_POOL_MAX);
}

/* Members must not run the program's signal handlers: a handler may want the caller's thread. */
static int start_members(struct thread_pool *pool, const struct log *log)
{
	sigset_t all, before;
	int error = 0;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 1; i < pool->size && error == 0; i++) {
		pool->members[i] = (struct member){.pool = pool, .index = i};
		error = pthread_create(&pool->members[i].thread, NULL, member_main,
				       &pool->members[i]);
		if (error == 0)
			pool->n_started = i;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		return log_error(log, error, "cannot start a compute thread: %s", strerror(error));
	return 0;
}

int thread_pool_create(unsigned n_threads, const struct log *log, struct thread_pool **ret_pool)
{
	_cleanup_(thread_pool_destroy_p) struct thread_pool *pool = NULL;
	int r;

	if (n_threads > THREAD_POOL_MAX)
		return log_error(log, EINVAL, "%u threads are too many: at most %d", n_threads,
				 THREAD_POOL_MAX);
	pool = aligned_alloc(CACHE_LINE, round_up(sizeof(*pool), CACHE_LINE));
	if (!pool)
		return log_oom(log, "starting the compute threads");
	memset(pool, 0, sizeof(*pool));
	pool->size = n_threads > 0 ? n_threads : thread_pool_default_size();
	(void)pthread_mutex_init(&pool->turn, NULL);
	pool->members = calloc(pool->size, sizeof(*pool->members));
	pool->cursors = aligned_alloc(CACHE_LINE, pool->size * sizeof(*pool->cursors));
	if (!pool->members || !pool->cursors)
		return log_oom(log, "starting the compute threads");
	memset(pool->cursors, 0, pool->size * sizeof(*pool->cursors));
	r = start_members(pool, log);
	if (r < 0)
		return r;
	*ret_pool = TAKE(pool);
	return 0;
}

void thread_pool_destroy(struct thread_pool *pool)
{
	if (!pool)
		return;
	atomic_store(&pool->stopping, true);
	advance(&pool->start);
	for (unsigned i = 1; i <= pool->n_started; i++)
		(void)pthread_join(pool->members[i].thread, NULL);
	(void)pthread_mutex_destroy(&pool->turn);
	free(pool->members);
	free(pool->cursors);
	free(pool);
}
