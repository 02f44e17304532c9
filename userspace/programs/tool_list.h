/* SPDX-License-Identifier: MIT */
/* The functions that a model may call, as the option --tools gives them. */
#ifndef SLM_PROGRAMS_TOOL_LIST_H
#define SLM_PROGRAMS_TOOL_LIST_H

#include <jansson.h>

#include "log.h"

/*
 * The array in the JSON file PATH, for json_decref(): of objects, one for each function. 0;
 * -EBADMSG for anything else; what reading the file gave; each logged.
 */
int tool_list_read(const char *path, const struct log *log, json_t **ret_tools);

#endif
