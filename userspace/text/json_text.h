/* SPDX-License-Identifier: MIT */
/* What jansson lacks: strings of any bytes. */
#ifndef SLM_TEXT_JSON_TEXT_H
#define SLM_TEXT_JSON_TEXT_H

#include <stddef.h>

#include "json_ref.h"

/* A string of SIZE bytes; what is no UTF-8 becomes U+FFFD. NULL when out of memory. */
json_t *json_text(const char *text, size_t size);

#endif
