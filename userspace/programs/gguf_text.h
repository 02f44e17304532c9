/* SPDX-License-Identifier: MIT */
/* The values of a GGUF file's metadata as text and as JSON, long ones shortened unless FULL. */
#ifndef SLM_PROGRAMS_GGUF_TEXT_H
#define SLM_PROGRAMS_GGUF_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "gguf.h"

/* On one line, harmless for a terminal. */
void gguf_value_print(const struct gguf_value *value, bool full, FILE *out);

/* NULL when out of memory. A shortened array is {"type", "n", "first": [...]}. */
json_t *gguf_value_json(const struct gguf_value *value, bool full);

#endif
