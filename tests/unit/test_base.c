// SPDX-License-Identifier: MIT
/* The base layer: bounded reading, hashes, files that appear whole, the thread pool, turns and errands. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "check.h"
#include "cleanup.h"
#include "cursor.h"
#include "errand.h"
#include "file_map.h"
#include "hash.h"
#include "path.h"
#include "thread_pool.h"
#include "turns.h"

static void cursor_keeps_its_first_failure(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6};
	struct cursor cursor;

	(void)state;
	cursor_init(&cursor, bytes, sizeof(bytes));
	assert_int_equal(cursor_u32(&cursor), 0x04030201);
	assert_int_equal(cursor_u32(&cursor), 0);
	assert_true(cursor.failed);
	assert_int_equal(cursor.failed_at, 4);
	assert_int_equal(cursor_u8(&cursor), 0);
	assert_int_equal(cursor_left(&cursor), 0);
}

static void cursor_survives_huge_sizes(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3};
	struct cursor cursor;

	(void)state;
	cursor_init(&cursor, bytes, sizeof(bytes));
	assert_int_equal(cursor_u8(&cursor), 1);
	assert_null(cursor_take(&cursor, UINT64_MAX));
	assert_int_equal(cursor.failed_at, 1);
}

static void sha256_of_known_text(void **state)
{
	_cleanup_free_ char *hex = malloc(SHA256_HEX_SIZE);
	struct sha256 *sha256;

	(void)state;
	assert_int_equal(sha256_create(&sha256), 0);
	sha256_update(sha256, "ab", 2);
	sha256_update(sha256, "c", 1);
	sha256_finish(sha256, hex);
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_destroy(sha256);
	sha256_destroy(NULL);
}

static void array_grows(void **state)
{
	int *items = NULL;
	size_t capacity = 0;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(array_reserve(&items, &capacity, i + 1, sizeof(*items)), 0);
		items[i] = (int)i;
	}
	assert_int_equal(items[999], 999);
	assert_int_equal(array_reserve(&items, &capacity, SIZE_MAX / 2, sizeof(*items)), -ENOMEM);
	assert_true(capacity >= 1000);
	free(items);
}

static char *scratch_folder(void)
{
	char *folder = strdup("/tmp/slm-test-XXXXXX");

	assert_non_null(mkdtemp(folder));
	return folder;
}

static void new_file_appears_whole_or_not_at_all(void **state)
{
	_cleanup_free_ char *folder = scratch_folder();
	_cleanup_free_ char *target = path_format("%s/file", folder);
	struct new_file file = NEW_FILE_NONE;
	struct file_map map;

	(void)state;
	assert_int_equal(new_file_init(&file, target), 0);
	assert_int_equal(write_all(file.fd, "hello", 5), 0);
	new_file_finish(&file);
	assert_int_equal(access(target, F_OK), -1);

	for (int i = 0; i < 2; i++) { /* the second time it replaces the first */
		assert_int_equal(new_file_init(&file, target), 0);
		assert_int_equal(write_all(file.fd, "hello", 5), 0);
		assert_int_equal(new_file_publish(&file), 0);
		new_file_finish(&file);
	}
	assert_int_equal(file_map_init(&map, target, NULL), 0);
	assert_int_equal(map.size, 5);
	assert_memory_equal(map.data, "hello", 5);
	file_map_finish(&map);
	assert_int_equal(unlink(target), 0);
	assert_int_equal(rmdir(folder), 0); /* nothing else was left in it */
}

static void new_file_replaces_files_only(void **state)
{
	_cleanup_free_ char *folder = scratch_folder();
	_cleanup_free_ char *fifo = path_format("%s/fifo", folder);
	struct new_file file = NEW_FILE_NONE;

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(new_file_init(&file, fifo), -ENOTSUP);
	assert_int_equal(new_file_init(&file, folder), -EISDIR);
	assert_int_equal(file.fd, -1);
	assert_int_equal(unlink(fifo), 0);
	assert_int_equal(rmdir(folder), 0);
}

static int make_file(const char *folder, const char *name)
{
	_cleanup_free_ char *path = path_format("%s/%s", folder, name);

	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static bool take_file(const char *folder, const char *name)
{
	_cleanup_free_ char *path = path_format("%s/%s", folder, name);

	return unlink(path) == 0;
}

/* Process numbers beyond what the kernel gives are of processes that are gone. */
static void sweeping_takes_what_no_process_holds(void **state)
{
	static const char gone[] = ".a.pack.1999999999.part", locked[] = ".b.pack.1999999999.part";
	_cleanup_free_ char *folder = scratch_folder();
	_cleanup_free_ char *ours = path_format(".c.%ld.part", (long)getpid());
	_cleanup_close_ int fd = -1;

	(void)state;
	(void)close(make_file(folder, gone));
	(void)close(make_file(folder, ours));
	(void)close(make_file(folder, "d.1999999999.part"));
	(void)close(make_file(folder, ".part"));
	fd = make_file(folder, locked);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	new_file_sweep(folder);
	assert_false(take_file(folder, gone));
	assert_true(take_file(folder, locked));
	assert_true(take_file(folder, ours));
	assert_true(take_file(folder, "d.1999999999.part"));
	assert_true(take_file(folder, ".part"));
	assert_int_equal(rmdir(folder), 0);
}

static void file_map_refuses_what_is_no_file(void **state)
{
	_cleanup_free_ char *folder = scratch_folder();
	_cleanup_free_ char *fifo = path_format("%s/fifo", folder);
	struct kept_log kept;
	struct file_map map;

	(void)state;
	kept_log_init(&kept);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(file_map_init(&map, fifo, &kept.log), -ENOTSUP);
	assert_non_null(strstr(kept.text, "not a regular file"));
	assert_int_equal(file_map_init(&map, folder, &kept.log), -EISDIR);
	assert_int_equal(file_map_init(&map, "/nowhere/at/all", &kept.log), -ENOENT);
	assert_int_equal(kept.n, 3);
	(void)unlink(fifo);
	(void)rmdir(folder);
}

static void make_dirs_makes_parents(void **state)
{
	_cleanup_free_ char *folder = scratch_folder();
	_cleanup_free_ char *deep = path_format("%s/a/b/c", folder);
	_cleanup_free_ char *clean = path_format("rm -r %s", folder);

	(void)state;
	assert_int_equal(path_make_dirs(deep), 0);
	assert_int_equal(path_make_dirs(deep), 0);
	assert_int_equal(access(deep, W_OK), 0);
	assert_int_equal(system(clean), 0);
}

enum { STEPS = 200, ITEMS = 1000 };

struct pool_job {
	struct thread_pool *pool;
	atomic_uint seen[ITEMS];
	unsigned wrong;
};

static void count_every_item(void *arg, unsigned index)
{
	struct pool_job *job = arg;
	size_t first, last;

	for (unsigned step = 0; step < STEPS; step++) {
		while (thread_pool_next(job->pool, index, ITEMS, 7, &first, &last)) {
			for (size_t i = first; i < last; i++)
				atomic_fetch_add(&job->seen[i], 1);
		}
		thread_pool_barrier(job->pool, index);
		if (index == 0) {
			for (size_t i = 0; i < ITEMS; i++)
				job->wrong += atomic_load(&job->seen[i]) != step + 1;
		}
		thread_pool_barrier(job->pool, index);
	}
}

static void pool_gives_each_item_once_per_step(void **state)
{
	static const unsigned sizes[] = {1, 2, 3, 7};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_free_ struct pool_job *job = calloc(1, sizeof(*job));

		assert_int_equal(thread_pool_create(sizes[i], NULL, &job->pool), 0);
		assert_int_equal(thread_pool_size(job->pool), sizes[i]);
		for (int run = 0; run < 3; run++) {
			memset(job->seen, 0, sizeof(job->seen));
			thread_pool_run(job->pool, count_every_item, job);
			assert_int_equal(job->wrong, 0);
		}
		thread_pool_destroy(job->pool);
	}
}

static void pool_wakes_sleepers(void **state)
{
	struct pool_job job = {0};

	(void)state;
	assert_int_equal(thread_pool_create(2, NULL, &job.pool), 0);
	for (int run = 0; run < 20; run++) {
		(void)usleep(2000); /* longer than the members spin */
		memset(job.seen, 0, sizeof(job.seen));
		thread_pool_run(job.pool, count_every_item, &job);
		assert_int_equal(job.wrong, 0);
	}
	thread_pool_destroy(job.pool);
}

struct slow_job {
	struct thread_pool *pool;
	atomic_uint members;
	bool slow;
};

/* A member that lost its core: the others wait for it a thousand times longer than for work. */
static void run_with_a_slow_member(void *arg, unsigned index)
{
	struct slow_job *job = arg;

	atomic_fetch_add(&job->members, 1);
	if (index == 1 && job->slow)
		(void)usleep(2000);
	thread_pool_barrier(job->pool, index);
}

static unsigned team_of_next_run(struct slow_job *job)
{
	atomic_store(&job->members, 0);
	thread_pool_run(job->pool, run_with_a_slow_member, job);
	return atomic_load(&job->members);
}

static void pool_goes_on_without_a_member_that_stalls(void **state)
{
	struct slow_job job = {.slow = true};
	unsigned alone = 0;

	(void)state;
	assert_int_equal(thread_pool_create(2, NULL, &job.pool), 0);
	assert_int_equal(team_of_next_run(&job), 2);
	assert_int_equal(team_of_next_run(&job), 2); /* once is no reason */
	for (int i = 0; i < 25; i++)		     /* 50 ms */
		(void)team_of_next_run(&job);
	for (int i = 0; i < 20; i++)
		alone += team_of_next_run(&job) == 1;
	assert_true(alone >= 19);
	job.slow = false;
	(void)usleep(250000); /* longer than the first rest */
	(void)team_of_next_run(&job);
	for (int i = 0; i < 50; i++) /* back together, unless this box takes the core away again */
		alone += team_of_next_run(&job) == 2;
	assert_true(alone > 20);
	thread_pool_destroy(job.pool);
}

static void pool_refuses_absurd_sizes(void **state)
{
	struct thread_pool *pool;

	(void)state;
	assert_int_equal(thread_pool_create(100000, NULL, &pool), -EINVAL);
	assert_true(thread_pool_default_size() >= 1);
	thread_pool_destroy(NULL);
}

struct turns_test {
	struct turns turns;
	unsigned n_turns; /* in a turn */
};

static int take_a_turn(void *data)
{
	struct turns_test *test = data;

	turns_take(&test->turns);
	test->n_turns++;
	turns_give(&test->turns);
	return -EBUSY;
}

static uint64_t n_asked(struct turns *turns)
{
	uint64_t n;

	(void)pthread_mutex_lock(&turns->lock);
	n = turns->n_asked;
	(void)pthread_mutex_unlock(&turns->lock);
	return n;
}

/* Who takes the next turn at once does not keep it from one who asked before. */
static void turns_come_in_order(void **state)
{
	struct turns_test test = {.n_turns = 0};
	struct errand errand;

	(void)state;
	turns_init(&test.turns);
	for (unsigned i = 0; i < 50; i++) {
		turns_take(&test.turns);
		assert_int_equal(errand_start(&errand, take_a_turn, &test, NULL), 0);
		while (n_asked(&test.turns) < 3 * i + 2)
			(void)usleep(100);
		assert_false(errand_is_done(&errand));
		turns_give(&test.turns);
		turns_take(&test.turns);
		assert_int_equal(test.n_turns, i + 1);
		turns_give(&test.turns);
		assert_int_equal(errand_join(&errand), -EBUSY);
		assert_true(errand_is_done(&errand));
	}
	turns_finish(&test.turns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cursor_keeps_its_first_failure),
		cmocka_unit_test(cursor_survives_huge_sizes),
		cmocka_unit_test(sha256_of_known_text),
		cmocka_unit_test(array_grows),
		cmocka_unit_test(new_file_appears_whole_or_not_at_all),
		cmocka_unit_test(new_file_replaces_files_only),
		cmocka_unit_test(sweeping_takes_what_no_process_holds),
		cmocka_unit_test(file_map_refuses_what_is_no_file),
		cmocka_unit_test(make_dirs_makes_parents),
		cmocka_unit_test(pool_gives_each_item_once_per_step),
		cmocka_unit_test(pool_wakes_sleepers),
		cmocka_unit_test(pool_goes_on_without_a_member_that_stalls),
		cmocka_unit_test(pool_refuses_absurd_sizes),
		cmocka_unit_test(turns_come_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
