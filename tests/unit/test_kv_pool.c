// SPDX-License-Identifier: MIT
/* The book of cache pages. */
#include <errno.h>

#include "array.h"
#include "check.h"
#include "kv_pool.h"

struct book {
	struct kv_pool pool;
	struct kv_table table;
};

static void book_init(struct book *book, uint32_t n_pages, uint32_t n_max)
{
	memset(book, 0, sizeof(*book));
	assert_int_equal(kv_pool_init(&book->pool, n_pages), 0);
	assert_int_equal(kv_table_init(&book->table, n_max), 0);
}

static void book_finish(struct book *book)
{
	kv_table_finish(&book->table, &book->pool);
	assert_int_equal(book->pool.n_free, book->pool.n_pages);
	kv_pool_finish(&book->pool);
}

static void pages_cover_the_positions_and_no_more(void **state)
{
	static const struct {
		uint32_t end, pages;
	} cases[] = {{0, 0}, {1, 1}, {KV_PAGE, 1}, {KV_PAGE + 1, 2}, {3 * KV_PAGE, 3}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct book book;

		book_init(&book, 4, 4);
		assert_int_equal(kv_table_extend(&book.table, &book.pool, cases[i].end), 0);
		assert_int_equal(book.pool.n_free, 4 - cases[i].pages);
		assert_int_equal(book.table.end, cases[i].pages);
		book_finish(&book);
	}
}

static void no_page_is_given_twice(void **state)
{
	struct kv_table other;
	struct book book;
	uint32_t seen = 0;

	(void)state;
	book_init(&book, 8, 8);
	assert_int_equal(kv_table_init(&other, 8), 0);
	assert_int_equal(kv_table_extend(&book.table, &book.pool, 3 * KV_PAGE), 0);
	assert_int_equal(kv_table_extend(&other, &book.pool, 5 * KV_PAGE), 0);
	for (uint32_t i = 0; i < 3; i++)
		seen |= 1u << book.table.pages[i];
	for (uint32_t i = 0; i < 5; i++)
		seen |= 1u << other.pages[i];
	assert_int_equal(seen, 0xff);
	kv_table_finish(&other, &book.pool);
	book_finish(&book);
}

static void an_empty_pool_takes_nothing(void **state)
{
	struct book book;

	(void)state;
	book_init(&book, 2, 8);
	assert_int_equal(kv_table_extend(&book.table, &book.pool, 3 * KV_PAGE), -ENOSPC);
	assert_int_equal(book.pool.n_free, 2);
	assert_int_equal(kv_table_extend(&book.table, &book.pool, 2 * KV_PAGE), 0);
	assert_int_equal(kv_table_extend(&book.table, &book.pool, 2 * KV_PAGE + 1), -ENOSPC);
	book_finish(&book);
}

static void a_table_ends_where_the_context_does(void **state)
{
	struct book book;

	(void)state;
	book_init(&book, 8, 2);
	assert_int_equal(kv_table_extend(&book.table, &book.pool, 2 * KV_PAGE + 1), -ENOSPC);
	book_finish(&book);
}

static void truncating_keeps_the_page_that_is_still_used(void **state)
{
	struct book book;
	uint32_t first;

	(void)state;
	book_init(&book, 4, 4);
	assert_int_equal(kv_table_extend(&book.table, &book.pool, 4 * KV_PAGE), 0);
	first = book.table.pages[0];
	kv_table_truncate(&book.table, &book.pool, KV_PAGE + 1);
	assert_int_equal(book.table.end, 2);
	assert_int_equal(book.pool.n_free, 2);
	assert_int_equal(book.table.pages[0], first);
	assert_int_equal(book.table.pages[2], KV_PAGE_NONE);
	book_finish(&book);
}

static void trimming_gives_back_what_lies_behind(void **state)
{
	struct book book;

	(void)state;
	book_init(&book, 4, 4);
	assert_int_equal(kv_table_extend(&book.table, &book.pool, 4 * KV_PAGE), 0);
	kv_table_trim(&book.table, &book.pool, 2 * KV_PAGE - 1);
	assert_int_equal(book.table.first, 1);
	kv_table_trim(&book.table, &book.pool, 2 * KV_PAGE);
	assert_int_equal(book.table.first, 2);
	assert_int_equal(book.pool.n_free, 2);
	assert_int_equal(book.table.pages[1], KV_PAGE_NONE);
	book_finish(&book);
}

/* The bug this would be: pages between the new end and the old first are thought to be there. */
static void truncating_below_what_was_trimmed_leaves_nothing(void **state)
{
	struct book book;

	(void)state;
	book_init(&book, 4, 8);
	assert_int_equal(kv_table_extend(&book.table, &book.pool, 4 * KV_PAGE), 0);
	kv_table_trim(&book.table, &book.pool, 3 * KV_PAGE);
	kv_table_truncate(&book.table, &book.pool, KV_PAGE);
	assert_int_equal(book.pool.n_free, 4);
	assert_int_equal(book.table.first, book.table.end);
	assert_true(book.table.end <= 1);
	assert_int_equal(kv_table_extend(&book.table, &book.pool, 2 * KV_PAGE), 0);
	book_finish(&book);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_cover_the_positions_and_no_more),
		cmocka_unit_test(no_page_is_given_twice),
		cmocka_unit_test(an_empty_pool_takes_nothing),
		cmocka_unit_test(a_table_ends_where_the_context_does),
		cmocka_unit_test(truncating_keeps_the_page_that_is_still_used),
		cmocka_unit_test(trimming_gives_back_what_lies_behind),
		cmocka_unit_test(truncating_below_what_was_trimmed_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
