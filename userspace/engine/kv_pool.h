/* SPDX-License-Identifier: MIT */
/* Pages of the cache and who has them: one pool per group of layers. Holds numbers, no memory. */
#ifndef SLM_ENGINE_KV_POOL_H
#define SLM_ENGINE_KV_POOL_H

#include <stdint.h>

#include "device.h"

enum { KV_PAGE_NONE = UINT32_MAX };

struct kv_pool {
	uint32_t *free_pages; /* [n_pages], a stack: the page freed last is warm */
	uint32_t n_free;
	uint32_t n_pages;
};

int kv_pool_init(struct kv_pool *pool, uint32_t n_pages);
void kv_pool_finish(struct kv_pool *pool);

/* The pages of one session in one group, by position / KV_PAGE. */
struct kv_table {
	uint32_t *pages; /* [n_max], KV_PAGE_NONE where there is none */
	uint32_t n_max;
	uint32_t first; /* pages [first, end) are there */
	uint32_t end;
};

int kv_table_init(struct kv_table *table, uint32_t n_max);
void kv_table_finish(struct kv_table *table, struct kv_pool *pool);

/* Makes sure of pages for positions [0 or first kept, END_POSITION). 0 or -ENOSPC. */
int kv_table_extend(struct kv_table *table, struct kv_pool *pool, uint32_t end_position);
/* Gives back pages that hold nothing below END_POSITION. */
void kv_table_truncate(struct kv_table *table, struct kv_pool *pool, uint32_t end_position);
/* Gives back pages whose positions all lie below FIRST_POSITION. */
void kv_table_trim(struct kv_table *table, struct kv_pool *pool, uint32_t first_position);

#endif
