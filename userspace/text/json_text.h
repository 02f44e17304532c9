/* SPDX-License-Identifier: MIT */
/* What jansson lacks: strings of any bytes, and cleanup by scope. */
#ifndef SLM_TEXT_JSON_TEXT_H
#define SLM_TEXT_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

/* A string of SIZE bytes; what is no UTF-8 becomes U+FFFD. NULL when out of memory. */
json_t *json_text(const char *text, size_t size);

static inline void json_decref_p(json_t **json)
{
	json_decref(*json);
}

#endif
