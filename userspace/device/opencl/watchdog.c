// SPDX-License-Identifier: MIT
/* Owns the waits that end and the marks that show progress. Refuses to free what a driver may still touch. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "array.h"
#include "clock.h"
#include "device.h"
#include "watchdog.h"

enum {
	MARKS_MAX = 512,
	/* Between looks at a driver that has not called back; the first is longer than a fast token. */
	SLICE_FIRST_MS = 16,
	SLICE_LAST_MS = 250,
};

/* What a callback rings; it may come when the watchdog is long gone. */
struct bell {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool rang;
	unsigned refs;
};

struct watchdog {
	struct bell *bell;
	unsigned limit_ms;
	cl_event marks[MARKS_MAX]; /* a ring, oldest first */
	unsigned first, n;
	bool hangs;
};

/* ---- the bell ---- */

static struct bell *bell_create(void)
{
	struct bell *bell = calloc(1, sizeof(*bell));
	pthread_condattr_t attributes;

	if (!bell)
		return NULL;
	(void)pthread_mutex_init(&bell->lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&bell->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	bell->refs = 1;
	return bell;
}

static void bell_release(struct bell *bell)
{
	unsigned left;

	(void)pthread_mutex_lock(&bell->lock);
	left = --bell->refs;
	(void)pthread_mutex_unlock(&bell->lock);
	if (left > 0)
		return;
	(void)pthread_cond_destroy(&bell->changed);
	(void)pthread_mutex_destroy(&bell->lock);
	free(bell);
}

static void CL_CALLBACK ring(cl_event event, cl_int status, void *data)
{
	struct bell *bell = data;

	(void)event;
	(void)status;
	(void)pthread_mutex_lock(&bell->lock);
	bell->rang = true;
	(void)pthread_cond_signal(&bell->changed);
	(void)pthread_mutex_unlock(&bell->lock);
	bell_release(bell);
}

/* A driver that cannot call back is looked at every now and then, as one that forgets to. */
static void ask_to_ring(struct bell *bell, cl_event event)
{
	(void)pthread_mutex_lock(&bell->lock);
	bell->rang = false;
	bell->refs++;
	(void)pthread_mutex_unlock(&bell->lock);
	if (clSetEventCallback(event, CL_COMPLETE, ring, bell) != CL_SUCCESS)
		bell_release(bell);
}

static void sleep_until_rung(struct bell *bell, unsigned ms)
{
	uint64_t until = clock_now_ns() + ms * UINT64_C(1000000);
	const struct timespec at = {(time_t)(until / 1000000000), (long)(until % 1000000000)};

	(void)pthread_mutex_lock(&bell->lock);
	while (!bell->rang && pthread_cond_timedwait(&bell->changed, &bell->lock, &at) != ETIMEDOUT)
		;
	bell->rang = false;
	(void)pthread_mutex_unlock(&bell->lock);
}

/* ---- events ---- */

/* CL_SUCCESS and whether it is complete; or why it never will be. */
static cl_int look(cl_event event, bool *ret_complete)
{
	cl_int status = CL_QUEUED, code;

	code = clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(status), &status,
			      NULL);
	if (code != CL_SUCCESS)
		return code;
	*ret_complete = status == CL_COMPLETE;
	return MIN(status, CL_SUCCESS);
}

static void drop_oldest(struct watchdog *watchdog)
{
	(void)clReleaseEvent(watchdog->marks[watchdog->first]);
	watchdog->first = (watchdog->first + 1) % MARKS_MAX;
	watchdog->n--;
}

/* Drops the marks that were reached; one that failed is what the wait ends with. */
static cl_int advance(struct watchdog *watchdog, bool *ret_moved)
{
	bool complete = true;
	cl_int code = CL_SUCCESS;

	*ret_moved = false;
	while (watchdog->n > 0 && complete && code == CL_SUCCESS) {
		complete = false;
		code = look(watchdog->marks[watchdog->first], &complete);
		if (!complete && code == CL_SUCCESS)
			break;
		drop_oldest(watchdog);
		*ret_moved = true;
	}
	return code;
}

static cl_int sleep_till_complete(struct watchdog *watchdog, cl_event event)
{
	unsigned idle_ms = 0, slice_ms = SLICE_FIRST_MS;
	bool complete = false, moved;
	cl_int code;

	ask_to_ring(watchdog->bell, event);
	for (;;) {
		slice_ms = MIN(slice_ms, watchdog->limit_ms - idle_ms);
		sleep_until_rung(watchdog->bell, slice_ms);
		code = look(event, &complete);
		if (complete || code != CL_SUCCESS)
			return code;
		code = advance(watchdog, &moved);
		if (code != CL_SUCCESS)
			return code;
		idle_ms = moved ? 0 : idle_ms + slice_ms;
		if (watchdog->limit_ms == WATCHDOG_NONE)
			idle_ms = 0;
		if (idle_ms >= watchdog->limit_ms)
			return SLM_DEVICE_HANGS;
		slice_ms = MIN(slice_ms * 2, (unsigned)SLICE_LAST_MS);
	}
}

cl_int watchdog_wait(struct watchdog *watchdog, cl_event event)
{
	bool complete = false, moved;
	cl_int code = look(event, &complete), marked;

	if (!complete && code == CL_SUCCESS)
		code = sleep_till_complete(watchdog, event);
	if (code == SLM_DEVICE_HANGS) {
		watchdog->hangs = true;
		return code;
	}
	/* What failed first tells most. */
	marked = advance(watchdog, &moved);
	return marked != CL_SUCCESS ? marked : code;
}

cl_int watchdog_mark(struct watchdog *watchdog, cl_event event)
{
	cl_int code = CL_SUCCESS;

	if (watchdog->n == MARKS_MAX) {
		cl_event oldest = watchdog->marks[watchdog->first];

		(void)clRetainEvent(
			oldest); /* it is a mark too, and dropped while it is waited for */
		code = watchdog_wait(watchdog, oldest);
		if (!watchdog->hangs)
			(void)clReleaseEvent(oldest);
	}
	if (watchdog->n == MARKS_MAX)
		drop_oldest(watchdog);
	watchdog->marks[(watchdog->first + watchdog->n) % MARKS_MAX] = event;
	watchdog->n++;
	return code;
}

/* ---- */

int watchdog_create(unsigned limit_ms, struct watchdog **ret_watchdog)
{
	struct watchdog *watchdog = calloc(1, sizeof(*watchdog));

	if (!watchdog)
		return -ENOMEM;
	watchdog->limit_ms = limit_ms == 0 ? WATCHDOG_DEFAULT_MS : limit_ms;
	watchdog->bell = bell_create();
	if (!watchdog->bell) {
		free(watchdog);
		return -ENOMEM;
	}
	*ret_watchdog = watchdog;
	return 0;
}

void watchdog_destroy(struct watchdog *watchdog)
{
	if (!watchdog)
		return;
	while (watchdog->n > 0 && !watchdog->hangs)
		drop_oldest(watchdog);
	bell_release(watchdog->bell);
	free(watchdog);
}

bool watchdog_hangs(const struct watchdog *watchdog)
{
	return watchdog && watchdog->hangs;
}

unsigned watchdog_limit_ms(const struct watchdog *watchdog)
{
	return watchdog->limit_ms;
}
