/* SPDX-License-Identifier: MIT */
/* A growing list of token ids. */
#ifndef SLM_TEXT_TOKEN_LIST_H
#define SLM_TEXT_TOKEN_LIST_H

#include <stdint.h>
#include <stdlib.h>

#include "array.h"

/* Empty when zeroed. */
struct token_list {
	int32_t *ids; /* [n] */
	size_t n;
	size_t capacity;
};

static inline void token_list_finish(struct token_list *list)
{
	free(list->ids);
	*list = (struct token_list){0};
}

/* 0 or -ENOMEM. */
static inline int token_list_add(struct token_list *list, int32_t id)
{
	int r = array_reserve(&list->ids, &list->capacity, list->n + 1, sizeof(*list->ids));

	if (r == 0)
		list->ids[list->n++] = id;
	return r;
}

#endif
