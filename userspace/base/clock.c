// SPDX-License-Identifier: MIT
/* The one place that reads the clock. */
#include <time.h>

#include "clock.h"

uint64_t clock_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
