/* SPDX-License-Identifier: MIT */
/* Numbers as text and back, whatever the process's locale says of the decimal point. */
#ifndef SLM_TEXT_JINJA_NUMBER_H
#define SLM_TEXT_JINJA_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JINJA_NUMBER_TEXT_MAX = 400 };

/* As Python's repr() has it: the shortest digits that give VALUE again. OUT. */
const char *jinja_float_text(double value, char out[static JINJA_NUMBER_TEXT_MAX]);
/* As "%.*f" has it; PRECISION is at most 60. OUT. */
const char *jinja_fixed_text(double value, int precision, char out[static JINJA_NUMBER_TEXT_MAX]);

/* A whole text as Python's float() and int() read it, blanks around it allowed. */
bool jinja_read_float(const char *text, size_t size, double *ret_value);
bool jinja_read_integer(const char *text, size_t size, int base, int64_t *ret_value);

#endif
