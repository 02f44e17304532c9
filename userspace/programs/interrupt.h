/* SPDX-License-Identifier: MIT */
/*
 * SIGINT. Until somebody asks to catch it, and when it comes a second time before the first was
 * dealt with, it ends the program at once with EXIT_CODE_INTERRUPTED.
 */
#ifndef SLM_PROGRAMS_INTERRUPT_H
#define SLM_PROGRAMS_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>

void interrupt_init(void);

/* From now on a SIGINT is noted, and interrupts a read (EINTR). */
void interrupt_catch(void);
/* Not 0 once it came; for generate()'s cancel. */
const atomic_int *interrupt_flag(void);
/* Whether it came; it is dealt with then. */
bool interrupt_take(void);

#endif
