/* SPDX-License-Identifier: MIT */
/* strftime() in English, whatever the process's locale says. */
#ifndef SLM_TEXT_JINJA_DATE_H
#define SLM_TEXT_JINJA_DATE_H

#include <stddef.h>
#include <time.h>

enum { JINJA_DATE_TEXT_MAX = 64 };

/*
 * Writes the first part of FORMAT, a conversion or one byte that is none, NUL-terminated. How many
 * bytes of FORMAT that was; 0 for a conversion that is not known.
 */
size_t jinja_date_part(const struct tm *date, const char *format, size_t size,
		       char out[static JINJA_DATE_TEXT_MAX]);

#endif
