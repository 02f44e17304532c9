/* SPDX-License-Identifier: MIT */
/*
 * What Python says of single characters, as far as templates ask: white space in full; upper and
 * lower case of Latin, Greek, Cyrillic and Armenian, one character for one.
 */
#ifndef SLM_TEXT_JINJA_UNICODE_H
#define SLM_TEXT_JINJA_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

bool unicode_is_space(uint32_t c);
/* Whether str.splitlines() breaks a line after it. */
bool unicode_is_line_end(uint32_t c);
bool unicode_is_letter(uint32_t c); /* beyond ASCII by ranges, not by the whole table */
bool unicode_is_digit(uint32_t c);  /* ASCII */
/* Whether repr() shows it as it is. */
bool unicode_is_printable(uint32_t c);
uint32_t unicode_upper(uint32_t c);
uint32_t unicode_lower(uint32_t c);

#endif
