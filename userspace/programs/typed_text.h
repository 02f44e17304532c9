/* SPDX-License-Identifier: MIT */
/*
 * What a user types, which may have several lines: a line that ends with a backslash goes on in the
 * next, and """ begins and ends a text of any lines.
 */
#ifndef SLM_PROGRAMS_TYPED_TEXT_H
#define SLM_PROGRAMS_TYPED_TEXT_H

#include <stddef.h>

#include "line_editor.h"

/* Ready with the editor set and all else zeroed. */
struct typed_text {
	struct line_editor *editor;
	char *text; /* of the last LINE_TEXT, with a NUL at its end */
	size_t size;
	size_t capacity;
};

/* LINE_END also when out of memory. Ctrl-C drops all lines of the text. */
enum line_result typed_text_read(struct typed_text *typed);
void typed_text_finish(struct typed_text *typed);

#endif
