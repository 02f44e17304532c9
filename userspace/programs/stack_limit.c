// SPDX-License-Identifier: MIT
/* Owns the program's limit of stack. Refuses to begin what would end in a crash. */
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/resource.h>

#include "array.h"
#include "stack_limit.h"

/* The C library has taken the old limit for the size of threads' stacks. */
static void widen_threads(void)
{
	pthread_attr_t attributes;

	if (pthread_attr_init(&attributes) != 0)
		return;
	if (pthread_attr_setstacksize(&attributes, STACK_BYTES_MIN) == 0)
		(void)pthread_setattr_default_np(&attributes);
	(void)pthread_attr_destroy(&attributes);
}

int stack_limit_raise(const struct log *log)
{
	struct rlimit limit, wanted;

	if (getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur >= STACK_BYTES_MIN)
		return 0;
	wanted = (struct rlimit){STACK_BYTES_MIN, MAX(limit.rlim_max, (rlim_t)STACK_BYTES_MIN)};
	if (setrlimit(RLIMIT_STACK, &wanted) < 0)
		return log_error(log, ENOMEM,
				 "a limit of %" PRIu64
				 " KiB of stack (ulimit -s) cannot be raised to the "
				 "%d KiB that are needed",
				 (uint64_t)limit.rlim_cur >> 10, STACK_BYTES_MIN >> 10);
	widen_threads();
	return 0;
}
