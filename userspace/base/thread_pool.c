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
	/* A wait this long is no imbalance of chunks: the member waited for has lost its core. */
	STALL_NS = 300000,
	/* How much of the time may be lost to stalls before the team goes on without a member. */
	STALL_PERCENT = 25,
	/* Of how much time: every machine takes a core away for a millisecond now and then. */
	WATCH_NS = 40000000,
	WATCH_AGAIN_NS = 10000000, /* of a member that was left out before */
	/* How long it does so before it tries again: as long as the whole team is trusted, and at most. */
	REST_NS = 100000000,
	REST_MAX_NS = 1600000000,
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
	struct signal_word start; /* counts runs it is called to */
	struct thread_pool *pool;
	unsigned index;
	pthread_t thread;
	/* In this run. Atomic, because a member may leave the last barrier after the run has ended. */
	atomic_uint_fast64_t stalled_ns;
};

struct thread_pool {
	struct signal_word barrier; /* counts steps */
	_Alignas(CACHE_LINE) atomic_uint arrived;
	atomic_bool stopping;
	thread_pool_fn function;
	void *arg;
	pthread_mutex_t turn;
	unsigned size;	    /* members there are */
	unsigned team;	    /* members that take part */
	unsigned n_started; /* threads that exist, the caller not counted */
	uint64_t rest_ns;   /* of the next to be left out */
	uint64_t rest_until_ns;
	uint64_t watched_ns, lost_ns; /* of the runs since they were judged */
	struct member *members;	      /* [size] */
	struct cursor_line *cursors;  /* [size] */
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

static void wait_for_step(struct thread_pool *pool, unsigned step, struct member *member)
{
	uint64_t begin, waited;

	if (atomic_load_explicit(&pool->barrier.value, memory_order_acquire) != step)
		return;
	begin = clock_now_ns();
	wait_until_changed(&pool->barrier, step, BARRIER_SPIN_NS);
	waited = clock_now_ns() - begin;
	if (waited > STALL_NS)
		atomic_fetch_add_explicit(&member->stalled_ns, waited, memory_order_relaxed);
}

void thread_pool_barrier(struct thread_pool *pool, unsigned index)
{
	unsigned step = atomic_load_explicit(&pool->barrier.value, memory_order_relaxed);
	unsigned team = pool->team; /* read before the run can end */

	if (atomic_fetch_add(&pool->arrived, 1) + 1 < team) {
		wait_for_step(pool, step, &pool->members[index]);
		return;
	}
	/* All have arrived: nobody takes items now, so the last one may deal the next step. */
	for (unsigned i = 0; i < team; i++)
		atomic_store_explicit(&pool->cursors[i].taken, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
	advance(&pool->barrier);
}

static bool take_from(struct thread_pool *pool, unsigned owner, size_t n_items, size_t chunk,
		      size_t *ret_first, size_t *ret_last)
{
	size_t first = n_items * owner / pool->team;
	size_t last = n_items * (owner + 1) / pool->team;
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
	for (unsigned i = 0; i < pool->team; i++) {
		if (take_from(pool, (index + i) % pool->team, n_items, chunk, ret_first, ret_last))
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
		wait_until_changed(&member->start, seen, IDLE_SPIN_NS);
		seen++;
		if (atomic_load(&pool->stopping))
			return NULL;
		pool->function(pool->arg, member->index);
		thread_pool_barrier(pool, member->index);
	}
}

static uint64_t worst_stall(const struct thread_pool *pool)
{
	uint64_t worst = 0;

	for (unsigned i = 0; i < pool->team; i++) {
		uint64_t stalled =
			atomic_load_explicit(&pool->members[i].stalled_ns, memory_order_relaxed);

		worst = MAX(worst, stalled);
	}
	return worst;
}

static void watch_anew(struct thread_pool *pool)
{
	pool->lost_ns = pool->watched_ns = 0;
}

static void leave_one_out(struct thread_pool *pool, uint64_t now)
{
	pool->team--;
	pool->rest_until_ns = now + pool->rest_ns;
	pool->rest_ns = MIN(2 * pool->rest_ns, (uint64_t)REST_MAX_NS);
}

/* A member at a time: the next one waits for this one to prove itself. */
static void take_one_in(struct thread_pool *pool, uint64_t now)
{
	pool->team++;
	pool->rest_until_ns = now + REST_NS;
	watch_anew(pool);
}

/* Decides who takes part in the next run, from how the last ones went. */
static void judge_run(struct thread_pool *pool, uint64_t begin_ns)
{
	uint64_t now = clock_now_ns();

	if (pool->size == 1)
		return;
	if (pool->team < pool->size && now > pool->rest_until_ns) {
		take_one_in(pool, now);
		return;
	}
	pool->lost_ns += worst_stall(pool);
	pool->watched_ns += now - begin_ns;
	if (pool->watched_ns < (pool->rest_ns == REST_NS ? WATCH_NS : WATCH_AGAIN_NS))
		return;
	if (pool->lost_ns * 100 > pool->watched_ns * STALL_PERCENT && pool->team > 1)
		leave_one_out(pool, now);
	else if (pool->team == pool->size)
		pool->rest_ns = REST_NS;
	watch_anew(pool);
}

void thread_pool_run(struct thread_pool *pool, thread_pool_fn function, void *arg)
{
	uint64_t begin;

	(void)pthread_mutex_lock(&pool->turn);
	begin = clock_now_ns();
	pool->function = function;
	pool->arg = arg;
	for (unsigned i = 0; i < pool->team; i++)
		atomic_store_explicit(&pool->members[i].stalled_ns, 0, memory_order_relaxed);
	for (unsigned i = 1; i < pool->team; i++)
		advance(&pool->members[i].start);
	function(arg, 0);
	thread_pool_barrier(pool, 0);
	judge_run(pool, begin);
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

/*
 * What a thread's own instruction raises comes to it alone, and blocked it would end the process unheard.
 */
void thread_pool_signals(sigset_t *ret_blocked)
{
	static const int own[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

	(void)sigfillset(ret_blocked);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		(void)sigdelset(ret_blocked, own[i]);
}

static int start_members(struct thread_pool *pool, const struct log *log)
{
	sigset_t blocked, before;
	int error = 0;

	thread_pool_signals(&blocked);
	(void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
	for (unsigned i = 1; i < pool->size && error == 0; i++) {
		pool->members[i].pool = pool;
		pool->members[i].index = i;
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
	pool->size = pool->team = n_threads > 0 ? n_threads : thread_pool_default_size();
	pool->rest_ns = REST_NS;
	(void)pthread_mutex_init(&pool->turn, NULL);
	pool->members = aligned_alloc(CACHE_LINE, pool->size * sizeof(*pool->members));
	pool->cursors = aligned_alloc(CACHE_LINE, pool->size * sizeof(*pool->cursors));
	if (!pool->members || !pool->cursors)
		return log_oom(log, "starting the compute threads");
	memset(pool->members, 0, pool->size * sizeof(*pool->members));
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
	for (unsigned i = 1; i <= pool->n_started; i++)
		advance(&pool->members[i].start);
	for (unsigned i = 1; i <= pool->n_started; i++)
		(void)pthread_join(pool->members[i].thread, NULL);
	(void)pthread_mutex_destroy(&pool->turn);
	free(pool->members);
	free(pool->cursors);
	free(pool);
}
