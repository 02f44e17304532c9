/* SPDX-License-Identifier: MIT */
/* UTF-8 as it comes from outside: possibly broken. */
#ifndef SLM_BASE_UTF8_H
#define SLM_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_MAX = 4 }; /* bytes of one character */

/*
 * Reads the character at TEXT, of which SIZE (> 0) bytes are there. Returns its length in bytes
 * and puts its code point; where the bytes are no valid character, returns 1 and U+FFFD.
 */
size_t utf8_decode(const char *text, size_t size, uint32_t *ret_code_point);

/* Writes CODE_POINT (<= U+10FFFF) and returns its length. */
size_t utf8_encode(uint32_t code_point, char out[static UTF8_MAX]);

/*
 * How many of the SIZE bytes can be shown: all but an incomplete character at the end that more
 * bytes could still make whole.
 */
size_t utf8_complete(const char *text, size_t size);

#endif
