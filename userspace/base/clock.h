/* SPDX-License-Identifier: MIT */
#ifndef SLM_BASE_CLOCK_H
#define SLM_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t clock_now_ns(void);

#endif
