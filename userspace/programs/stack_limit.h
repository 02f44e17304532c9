/* SPDX-License-Identifier: MIT */
/* Room on the stack for us and for drivers' threads, whatever `ulimit -s` says. */
#ifndef SLM_PROGRAMS_STACK_LIMIT_H
#define SLM_PROGRAMS_STACK_LIMIT_H

#include "log.h"

/* Twice what the deepest chat template takes. */
enum { STACK_BYTES_MIN = 1 << 20 };

/*
 * Raises a limit that is below STACK_BYTES_MIN, as far as it may be raised, for this program and for those
 * it starts. To be called before there are threads. 0, or -ENOMEM (logged) where that is not enough.
 */
int stack_limit_raise(const struct log *log);

#endif
