/* SPDX-License-Identifier: MIT */
/* What goes to stdout: answers as they come, and one JSON document. */
#ifndef SLM_PROGRAMS_OUTPUT_H
#define SLM_PROGRAMS_OUTPUT_H

#include <jansson.h>
#include <stddef.h>

#include "command.h"
#include "json_text.h"

/*
 * Makes a reader that goes away and a file that may not grow errors of writing, and sees to it that
 * no file of ours gets the number of a standard one that was closed: a warning would be written
 * into it. To be called first.
 */
void output_init(void);

/*
 * Writes all at once, past stdio, also where stdout does not block. 0; -EPIPE (not logged) when the
 * reader has gone, which is for the caller a quiet end; else -errno (logged).
 */
int output_write(const char *text, size_t size, const struct log *log);

/* Flushes stdio: CODE, or EXIT_CODE_FAILED (logged) when something could not be written. A reader
 * that has gone is no failure. */
enum exit_code output_finish(enum exit_code code, const struct log *log);

/* Prints ROOT, which it takes, and a newline. NULL is what jansson gives when out of memory. */
enum exit_code output_json(json_t *root, const struct log *log);

/* null for what JSON has no number for. */
json_t *json_number(double value);
/* As an integer, or as a real where it is beyond 2^63. */
json_t *json_count(uint64_t value);

#endif
