// SPDX-License-Identifier: MIT
/*
 * Engines for which nobody named a device, where the driver first has none (SLM_MOCK_FAULTS=removed@0): the
 * second process asks no driver, and nothing that is there is hidden for it. Each question is a process's own,
 * because drivers are loaded for good; this program must not link the driver therefore.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absence.h"
#include "cleanup.h"
#include "device_list.h"
#include "path.h"
#include "tiny_engine.h"

static char folder[] = "/tmp/slm-absence-XXXXXX";

/* What FUNCTION says in a process of its own. */
static bool in_process(bool (*function)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(function() ? 1 : 0);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 1;
}

static struct device_list *make_list(void)
{
	struct device_list *list = NULL;

	if (device_list_create_to_choose(folder, NULL, &list) < 0)
		abort();
	return list;
}

static bool asks_drivers(void)
{
	struct device_list *list = make_list();
	bool asks = !list->asks_later;

	device_list_destroy(list);
	return asks;
}

static void it_is_asked_once(void **state)
{
	(void)state;
	absence_forget(folder);
	assert_true(in_process(asks_drivers));
	assert_false(in_process(asks_drivers));
}

static bool finds_what_comes(void)
{
	struct device_list *list = make_list();
	bool is_well = list->asks_later && list->scope == DEVICES_ALL && list->n_entries == 2;

	(void)setenv("SLM_MOCK_FAULTS", "", 1);
	for (int i = 0; i < 2; i++) { /* the second time it is one that came */
		is_well = is_well && device_list_refresh(list, NULL) == 0 && list->n_entries == 3 &&
			  device_list_is_candidate(list, &list->entries[2]) &&
			  device_list_has_hardware(list);
	}
	device_list_destroy(list);
	return is_well;
}

static void what_comes_meanwhile_is_found(void **state)
{
	(void)state;
	assert_true(in_process(finds_what_comes));
}

static void plan_only(const char *device)
{
	struct tiny_model model = tiny_model_default;
	struct engine_params params = {.device = device, .plan_only = true, .cache_dir = folder};
	struct tiny_engine tiny;

	tiny_engine_init(&tiny, &model, &params);
	tiny_engine_finish(&tiny);
}

static bool plan_for_cpu(void)
{
	plan_only("cpu");
	return true;
}

static bool plan_for_hardware(void)
{
	(void)setenv("SLM_MOCK_FAULTS", "", 1);
	plan_only("opencl:0.0");
	return true;
}

/* The mock's device makes no node: only who looks can know of it, and then all do. */
static void who_looks_tells_the_others(void **state)
{
	(void)state;
	absence_forget(folder);
	assert_true(in_process(asks_drivers));
	assert_true(in_process(plan_for_cpu));
	assert_false(in_process(asks_drivers));
	assert_true(in_process(plan_for_hardware));
	assert_true(in_process(asks_drivers));
}

static bool asks_again_when_changed(void)
{
	bool asks = asks_drivers();

	(void)setenv("SLM_TEST_CHANGE", "1", 1);
	return asks_drivers() && asks;
}

/* Drivers that are loaded do not look again; what they say now may be what was true then. */
static void a_process_that_has_asked_remembers_nothing(void **state)
{
	(void)state;
	absence_forget(folder);
	assert_true(in_process(asks_again_when_changed));
	assert_false(in_process(asks_drivers));
	(void)setenv("SLM_TEST_CHANGE", "1", 1);
	assert_true(in_process(asks_drivers));
	(void)unsetenv("SLM_TEST_CHANGE");
}

/* A library that is missing may be there the next time, and no fact tells. */
static void a_driver_that_cannot_be_loaded_is_asked_again(void **state)
{
	_cleanup_free_ char *before = strdup(getenv("OCL_ICD_VENDORS"));
	_cleanup_free_ char *gone = path_format("%s_gone", before);

	(void)state;
	(void)setenv("OCL_ICD_VENDORS", gone, 1);
	absence_forget(folder);
	assert_true(in_process(asks_drivers));
	assert_true(in_process(asks_drivers));
	(void)setenv("OCL_ICD_VENDORS", before, 1);
}

/* What a relative path means is another thing in another folder. */
static void a_relative_path_is_asked_again(void **state)
{
	_cleanup_free_ char *before = strdup(getenv("OCL_ICD_VENDORS"));

	(void)state;
	assert_int_equal(chdir("/"), 0);
	(void)setenv("OCL_ICD_VENDORS", before + 1, 1);
	absence_forget(folder);
	assert_true(in_process(asks_drivers));
	assert_true(in_process(asks_drivers));
	(void)setenv("OCL_ICD_VENDORS", before, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_asked_once),
		cmocka_unit_test(what_comes_meanwhile_is_found),
		cmocka_unit_test(who_looks_tells_the_others),
		cmocka_unit_test(a_process_that_has_asked_remembers_nothing),
		cmocka_unit_test(a_driver_that_cannot_be_loaded_is_asked_again),
		cmocka_unit_test(a_relative_path_is_asked_again),
	};
	int r;

	if (!mkdtemp(folder))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	absence_forget(folder);
	(void)rmdir(folder);
	return r;
}
