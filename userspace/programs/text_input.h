/* SPDX-License-Identifier: MIT */
/* Texts that the user hands in: files, or stdin. */
#ifndef SLM_PROGRAMS_TEXT_INPUT_H
#define SLM_PROGRAMS_TEXT_INPUT_H

#include <stddef.h>

#include "log.h"

/*
 * Reads all of the file PATH (a pipe too), or stdin for NULL and "-". 0; -EFBIG (logged) past
 * MAX_BYTES; -errno (logged). The caller frees; a NUL follows the last byte.
 */
int text_input_read(const char *path, size_t max_bytes, const struct log *log, char **ret_text,
		    size_t *ret_size);

#endif
