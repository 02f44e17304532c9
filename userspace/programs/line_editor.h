/* SPDX-License-Identifier: MIT */
/*
 * Lines typed at a terminal, with editing and history by libedit. The library is loaded here and
 * not with the program, because only a chat needs it; without it lines are read as they come.
 */
#ifndef SLM_PROGRAMS_LINE_EDITOR_H
#define SLM_PROGRAMS_LINE_EDITOR_H

#include <stdbool.h>
#include <stdio.h>

#include "log.h"

enum line_result {
	LINE_TEXT,
	LINE_END,	  /* Ctrl-D on an empty line, or the terminal has gone */
	LINE_INTERRUPTED, /* Ctrl-C with something typed: it is dropped */
	LINE_ABANDONED,	  /* Ctrl-C on an empty line */
};

struct line_editor;

struct line_editor_params {
	FILE *out;		  /* where the prompt and what is typed appear */
	const char *history_path; /* NULL: the history ends with the editor */
	const char *const *words; /* that Tab completes at the beginning of a line; ended by NULL */
	const struct log *log;
};

/* Strings and words outlive the editor. 0 or -ENOMEM, logged. */
int line_editor_create(const struct line_editor_params *params, struct line_editor **ret_editor);
/* Writes the history file. */
void line_editor_destroy(struct line_editor *editor);

/* *RET_LINE (LINE_TEXT only) has no newline at its end and lives until the next call. */
enum line_result line_editor_read(struct line_editor *editor, const char *prompt,
				  const char **ret_line);

void line_editor_remember(struct line_editor *editor, const char *text);

#endif
