/* SPDX-License-Identifier: MIT */
/* A program that works for us: its output through a pipe, its complaints kept. */
#ifndef SLM_PULL_PROCESS_H
#define SLM_PULL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "log.h"

enum {
	PROCESS_NOT_FOUND = 127, /* the exit status when there is no such program */
	PROCESS_ERROR_MAX = 16384,
};

struct process {
	pid_t pid;
	int out_fd;   /* its stdout, when it was wanted; else -1 */
	int error_fd; /* what it says on stderr */
};

#define PROCESS_NONE                                    \
	(struct process)                                \
	{                                               \
		.pid = -1, .out_fd = -1, .error_fd = -1 \
	}

struct process_params {
	const char *const *argv; /* ended by NULL; found by $PATH */
	const char *temporary;	 /* its TMPDIR; NULL: as ours */
	bool wants_output;	 /* else its stdout joins stderr */
};

/* It ends when we do, however that happens. 0 or -errno, logged. */
int process_start(struct process *process, const struct process_params *params,
		  const struct log *log);
/* Whether it still runs; once it does not, *RET_STATUS is its exit status, or 128 + a signal. */
bool process_is_running(struct process *process, int *ret_status);
int process_wait(struct process *process); /* the status */
/* Ends it if it runs, and forgets it. Accepts PROCESS_NONE. */
void process_finish(struct process *process);

/* What it said on stderr so far, with a NUL; empty when nothing can be read. */
void process_errors(const struct process *process, char text[static PROCESS_ERROR_MAX]);

#endif
