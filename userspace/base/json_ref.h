/* SPDX-License-Identifier: MIT */
/* Cleanup by scope for jansson's values; for components that use jansson. */
#ifndef SLM_BASE_JSON_REF_H
#define SLM_BASE_JSON_REF_H

#include <jansson.h>

static inline void json_decref_p(json_t **json)
{
	json_decref(*json);
}

#endif
