/* SPDX-License-Identifier: MIT */
/*
 * Text from outside as a terminal may show it. Control characters (C0, DEL, C1), marks that turn
 * the direction of writing, and bytes that are no UTF-8 appear as \n, \t, \x1b or \u202e, so that a
 * file or a model cannot steer the terminal.
 */
#ifndef SLM_PROGRAMS_VISIBLE_TEXT_H
#define SLM_PROGRAMS_VISIBLE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
	VISIBLE_CHARACTER_MAX = 8, /* bytes that one character may become */
};

/*
 * Writes the first character of TEXT (SIZE > 0) as it may be shown and its length to *RET_N; gives
 * the bytes of TEXT it took. With LINES newline and tab stay what they are.
 */
size_t visible_character(const char *text, size_t size, bool lines,
			 char out[static VISIBLE_CHARACTER_MAX], size_t *ret_n);

/* As much of TEXT as fits, whole characters, into OUT [OUT_SIZE > 0] with a NUL; its length. */
size_t visible_text(const char *text, size_t size, bool lines, char *out, size_t out_size);

void visible_print(const char *text, size_t size, bool lines, FILE *out);

#endif
