/* SPDX-License-Identifier: MIT */
/* JSON as the values of templates: all strings in it are foreign. */
#ifndef SLM_TEXT_JINJA_FROM_JSON_H
#define SLM_TEXT_JINJA_FROM_JSON_H

#include <jansson.h>

#include "jinja_value.h"

enum { JINJA_JSON_DEPTH_MAX = 256 };

/*
 * JSON, whose strings are not copied and outlive ARENA. 0; -E2BIG for what is nested deeper than
 * JINJA_JSON_DEPTH_MAX; -ENOMEM, also past the arena's limit; not logged.
 */
int jinja_from_json(struct arena *arena, const json_t *json, struct jinja_value *ret_value);

#endif
