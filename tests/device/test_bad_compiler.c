// SPDX-License-Identifier: MIT
/*
 * What becomes of an engine when an OpenCL driver's compiler crashes, hangs, is killed or writes
 * rubbish: programs of ours stand in for slm-clc. Wants PoCL.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "chosen_device.h"
#include "clock.h"
#include "tiny_engine.h"

int __wrap_device_list_candidates(const struct device_list *list,
				  const struct device_entry **ret_entries, size_t max);

/* As if PoCL were a GPU, and better than the processor, while it can be used. */
int __wrap_device_list_candidates(const struct device_list *list,
				  const struct device_entry **ret_entries, size_t max)
{
	(void)max;
	ret_entries[0] = &list->entries[0];
	for (size_t i = 0; i < list->n_entries; i++) {
		if (list->entries[i].usable && strncmp(list->entries[i].selector, "opencl", 6) == 0)
			ret_entries[0] = &list->entries[i];
	}
	return 1;
}

struct place {
	struct tiny_engine tiny;
	char *cache;
	char *compiler;
};

/* A cache of its own, and a compiler that does what SCRIPT says. */
static void place_init(struct place *place, const char *script)
{
	FILE *file;

	tiny_engine_write(&place->tiny, &tiny_model_default);
	place->cache = path_format("%s/cache", place->tiny.folder);
	place->compiler = path_format("%s/clc", place->tiny.folder);
	file = fopen(place->compiler, "we");
	assert_non_null(file);
	(void)fprintf(file, "#!/bin/sh\n%s\n", script);
	(void)fclose(file);
	assert_int_equal(chmod(place->compiler, 0700), 0);
	assert_int_equal(setenv("SLM_CLC", place->compiler, 1), 0);
}

static int place_open(struct place *place, const char *device)
{
	struct engine_params params = {
		.model_path = place->tiny.path,
		.device = device,
		.n_threads = 2,
		.n_ctx = 128,
		.cache_dir = place->cache,
		.log = &place->tiny.kept.log,
	};

	engine_destroy(place->tiny.engine);
	place->tiny.engine = NULL;
	return engine_create(&params, &place->tiny.engine);
}

static unsigned count_files(const struct place *place, const char *ending)
{
	char *folder = path_format("%s/programs", place->cache);
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	unsigned n = 0;

	while (dir && (entry = readdir(dir))) {
		size_t size = strlen(entry->d_name), end = strlen(ending);

		n += size > end && strcmp(entry->d_name + size - end, ending) == 0;
	}
	if (dir)
		(void)closedir(dir);
	free(folder);
	return n;
}

static void place_finish(struct place *place)
{
	char *command =
		path_format("rm -rf %s/cache %s/clc", place->tiny.folder, place->tiny.folder);

	(void)unsetenv("SLM_CLC");
	assert_int_equal(system(command), 0);
	tiny_engine_finish(&place->tiny);
	free(command);
	free(place->cache);
	free(place->compiler);
}

static void expect_failure(const char *script, int error, bool remembered)
{
	struct place place;

	place_init(&place, script);
	assert_int_equal(place_open(&place, chosen.selector), error);
	assert_true(place.tiny.kept.n > 0);
	assert_int_equal(count_files(&place, ".bad") > 0, remembered);
	assert_int_equal(count_files(&place, ".clbin"), 0);
	place_finish(&place);
}

static void a_compiler_that_crashes_fails_its_device(void **state)
{
	(void)state;
	expect_failure("kill -SEGV $$", -ENODEV, true);
	expect_failure("kill -ABRT $$", -ENODEV, true);
}

static void a_compiler_that_refuses_fails_its_device(void **state)
{
	(void)state;
	expect_failure("exit 1", -ENODEV, true);
}

static void a_compiler_that_was_killed_is_not_blamed(void **state)
{
	(void)state;
	expect_failure("kill -INT $$", -ECANCELED, false);
	expect_failure("kill -KILL $$", -ECANCELED, false);
}

static void a_compiler_that_hangs_is_stopped(void **state)
{
	uint64_t begin = clock_now_ns();

	(void)state;
	assert_int_equal(setenv("SLM_CLC_SECONDS", "1", 1), 0);
	expect_failure("exec sleep 60", -ENODEV, true);
	assert_int_equal(unsetenv("SLM_CLC_SECONDS"), 0);
	assert_true(clock_now_ns() - begin < UINT64_C(30000000000));
}

static unsigned n_told;

static void count_told(void *data, enum log_level level, const char *text)
{
	(void)data;
	n_told += level == LOG_LEVEL_NOTICE && strstr(text, "compiling kernels") != NULL;
}

static void what_takes_long_is_said_once(void **state)
{
	const char *const scripts[] = {"sleep 0.3; kill -TERM $$", "sleep 2.1; kill -TERM $$"};
	const unsigned wanted[] = {0, 1};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct place place;

		n_told = 0;
		place_init(&place, scripts[i]);
		place.tiny.kept.log = (struct log){count_told, NULL, LOG_LEVEL_NOTICE};
		assert_int_equal(place_open(&place, chosen.selector), -ECANCELED);
		assert_int_equal(n_told, wanted[i]);
		place_finish(&place);
	}
}

static void make_old(const struct place *place)
{
	char *command = path_format("touch -d '2 days ago' '%s'/programs/*.bad", place->cache);

	assert_int_equal(system(command), 0);
	free(command);
}

/* What was found out once is not tried again the same day, and the message says how it would be. */
static void a_bad_compiler_is_remembered(void **state)
{
	struct place place;
	struct stat before, after;
	char *marker;

	(void)state;
	place_init(&place, "echo run >> \"$0.runs\"; exit 1");
	marker = path_format("%s.runs", place.compiler);
	assert_int_equal(place_open(&place, chosen.selector), -ENODEV);
	assert_int_equal(stat(marker, &before), 0);
	assert_null(strstr(place.tiny.kept.text, "try it again"));
	assert_int_equal(place_open(&place, chosen.selector), -ENODEV);
	assert_non_null(strstr(place.tiny.kept.text, "/programs to try it again"));
	assert_int_equal(stat(marker, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	/* Two days later. */
	make_old(&place);
	assert_int_equal(place_open(&place, chosen.selector), -ENODEV);
	assert_int_equal(stat(marker, &after), 0);
	assert_true(after.st_size > before.st_size);
	(void)unlink(marker);
	free(marker);
	place_finish(&place);
}

static void expect_success(const char *script)
{
	struct place place;
	struct session *session;

	place_init(&place, script);
	assert_int_equal(place_open(&place, chosen.selector), 0);
	assert_int_equal(session_create(place.tiny.engine, &session), 0);
	assert_int_equal(session_append(session, 1), 0);
	assert_int_equal(session_evaluate(session, NULL), 0);
	session_destroy(session);
	assert_int_equal(count_files(&place, ".bad"), 0);
	place_finish(&place);
}

static void rubbish_is_not_given_to_the_driver(void **state)
{
	(void)state;
	expect_success("echo SLMCLBIN rubbish > \"$5\"");
}

static void without_a_binary_it_is_compiled_here(void **state)
{
	(void)state;
	expect_success("exit 3");
}

/* Where nobody named a device, the answer comes from what is left. */
static void the_cpu_takes_the_place_of_a_device_that_fails(void **state)
{
	char text[ENGINE_DEVICES_TEXT_MAX];
	struct place place;

	(void)state;
	place_init(&place, "kill -SEGV $$");
	assert_int_equal(place_open(&place, NULL), 0);
	assert_string_equal(engine_devices_text(place.tiny.engine, text), "cpu");
	assert_non_null(strstr(place.tiny.kept.text, "left out"));
	place_finish(&place);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_compiler_that_crashes_fails_its_device),
		cmocka_unit_test(a_compiler_that_refuses_fails_its_device),
		cmocka_unit_test(a_compiler_that_was_killed_is_not_blamed),
		cmocka_unit_test(a_compiler_that_hangs_is_stopped),
		cmocka_unit_test(what_takes_long_is_said_once),
		cmocka_unit_test(a_bad_compiler_is_remembered),
		cmocka_unit_test(rubbish_is_not_given_to_the_driver),
		cmocka_unit_test(without_a_binary_it_is_compiled_here),
		cmocka_unit_test(the_cpu_takes_the_place_of_a_device_that_fails),
	};

	return chosen_run(argc, argv, tests);
}
