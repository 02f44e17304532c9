/* SPDX-License-Identifier: MIT */
/*
 * Messages on stderr, one line each: `slm: sentence`. Text is made harmless for a terminal first
 * (visible_text.h). A line goes out in one write, so that threads and processes do not mix theirs.
 */
#ifndef SLM_PROGRAMS_TERMINAL_LOG_H
#define SLM_PROGRAMS_TERMINAL_LOG_H

#include <stdbool.h>

#include "log.h"

/* For struct log's write; DATA is not used. */
void terminal_log_write(void *data, enum log_level level, const char *text);

/*
 * A line that keeps changing (a progress bar) is wiped by the next message. TEXT has no newline;
 * NULL wipes it now. Does nothing when stderr is no terminal. One thread only.
 */
void terminal_status(const char *text);

/*
 * What went to stdout ends in the middle of a line, or does not. Where both are the same terminal the
 * next message begins a line of its own; into a file or a pipe nothing of ours is put.
 */
void terminal_shown(bool ends_in_line);
/* Is the terminal's cursor in the middle of a line of stdout's? May be asked in a signal handler. */
bool terminal_is_in_line(void);

#endif
