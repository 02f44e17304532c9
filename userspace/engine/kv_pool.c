// SPDX-License-Identifier: MIT
/* Owns the book of cache pages. Refuses to know what is in them. */
#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "kv_pool.h"

int kv_pool_init(struct kv_pool *pool, uint32_t n_pages)
{
	pool->free_pages = calloc(MAX(n_pages, 1), sizeof(*pool->free_pages));
	if (!pool->free_pages)
		return -ENOMEM;
	pool->n_pages = pool->n_free = n_pages;
	/* Low pages first, so that what is touched lies together. */
	for (uint32_t i = 0; i < n_pages; i++)
		pool->free_pages[i] = n_pages - 1 - i;
	return 0;
}

void kv_pool_finish(struct kv_pool *pool)
{
	free(pool->free_pages);
	*pool = (struct kv_pool){0};
}

int kv_table_init(struct kv_table *table, uint32_t n_max)
{
	*table = (struct kv_table){.n_max = n_max};
	table->pages = malloc(MAX(n_max, 1) * sizeof(*table->pages));
	if (!table->pages)
		return -ENOMEM;
	for (uint32_t i = 0; i < n_max; i++)
		table->pages[i] = KV_PAGE_NONE;
	return 0;
}

static void give_back(struct kv_table *table, struct kv_pool *pool, uint32_t page)
{
	pool->free_pages[pool->n_free++] = table->pages[page];
	table->pages[page] = KV_PAGE_NONE;
}

void kv_table_finish(struct kv_table *table, struct kv_pool *pool)
{
	kv_table_truncate(table, pool, 0);
	free(table->pages);
	*table = (struct kv_table){0};
}

int kv_table_extend(struct kv_table *table, struct kv_pool *pool, uint32_t end_position)
{
	uint32_t end = (uint32_t)div_up(end_position, KV_PAGE);

	if (end > table->n_max || (end > table->end && end - table->end > pool->n_free))
		return -ENOSPC;
	while (table->end < end)
		table->pages[table->end++] = pool->free_pages[--pool->n_free];
	return 0;
}

void kv_table_truncate(struct kv_table *table, struct kv_pool *pool, uint32_t end_position)
{
	uint32_t end = (uint32_t)div_up(end_position, KV_PAGE);

	while (table->end > MAX(end, table->first))
		give_back(table, pool, --table->end);
	if (table->end == table->first && table->end > end)
		table->first = table->end = end;
}

void kv_table_trim(struct kv_table *table, struct kv_pool *pool, uint32_t first_position)
{
	while (table->first < table->end && (table->first + 1) * KV_PAGE <= first_position)
		give_back(table, pool, table->first++);
}
