// SPDX-License-Identifier: MIT
/* Owns the thread of an errand. Refuses to end it: whoever sent it has a word for that. */
#include <string.h>

#include "errand.h"
#include "thread_pool.h"

static void *errand_main(void *data)
{
	struct errand *errand = data;

	errand->result = errand->run(errand->data);
	atomic_store(&errand->is_done, true);
	return NULL;
}

int errand_start(struct errand *errand, int (*run)(void *data), void *data, const struct log *log)
{
	sigset_t blocked, before;
	int error;

	errand->run = run;
	errand->data = data;
	atomic_init(&errand->is_done, false);
	thread_pool_signals(&blocked);
	(void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
	error = pthread_create(&errand->thread, NULL, errand_main, errand);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		return log_error(log, error, "cannot start a thread: %s", strerror(error));
	return 0;
}

bool errand_is_done(const struct errand *errand)
{
	return atomic_load(&errand->is_done);
}

int errand_join(struct errand *errand)
{
	(void)pthread_join(errand->thread, NULL);
	return errand->result;
}
