// SPDX-License-Identifier: MIT
/* Owns the program's handling of SIGINT: one flag, because a handler may do no more. */
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "exit_code.h"
#include "interrupt.h"

static atomic_int flag; /* lock-free, so that a handler may set it */
static volatile sig_atomic_t catching;

static void note_interrupt(int signal)
{
	(void)signal;
	if (!catching || flag)
		_exit(EXIT_CODE_INTERRUPTED);
	flag = 1;
}

void interrupt_init(void)
{
	struct sigaction action = {.sa_handler = note_interrupt};
	struct sigaction inherited;

	/* A shell starts background jobs with SIGINT ignored; that stays so. */
	if (sigaction(SIGINT, NULL, &inherited) == 0 && inherited.sa_handler == SIG_IGN)
		return;
	(void)sigaction(SIGINT, &action, NULL);
}

void interrupt_catch(void)
{
	catching = 1;
}

const atomic_int *interrupt_flag(void)
{
	return &flag;
}

bool interrupt_take(void)
{
	bool came = flag != 0;

	flag = 0;
	return came;
}
