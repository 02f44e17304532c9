// SPDX-License-Identifier: MIT
/*
 * Engines for which nobody named a device, where the driver first has none (SLM_MOCK_FAULTS=removed@0):
 * the second asks no driver, and nothing that is there is hidden for it.
 */
#include "absence.h"
#include "cleanup.h"
#include "device_list.h"
#include "mock_icd.h"
#include "tiny_engine.h"

static char folder[] = "/tmp/slm-absence-XXXXXX";

static struct device_list *make_list(void)
{
	struct device_list *list = NULL;

	assert_int_equal(device_list_create_to_choose(folder, NULL, &list), 0);
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
	/* drivers set variables as they are loaded, which is another key */
	(void)asks_drivers();
	absence_forget(folder);
	assert_true(asks_drivers());
	assert_false(asks_drivers());
}

static void what_comes_meanwhile_is_found(void **state)
{
	struct device_list *list = make_list();

	(void)state;
	assert_true(list->asks_later);
	assert_int_equal(list->scope, DEVICES_ALL);
	assert_int_equal(list->n_entries, 2);
	assert_true(mock_arm(""));
	assert_int_equal(device_list_refresh(list, NULL), 0);
	assert_int_equal(list->n_entries, 3);
	assert_true(device_list_is_candidate(list, &list->entries[2]));
	assert_true(device_list_has_hardware(list));
	/* and again, as one that came */
	assert_int_equal(device_list_refresh(list, NULL), 0);
	assert_int_equal(list->n_entries, 3);
	device_list_destroy(list);
}

static void plan_only(const char *device)
{
	struct tiny_model model = tiny_model_default;
	struct engine_params params = {.device = device, .plan_only = true, .cache_dir = folder};
	struct tiny_engine tiny;

	tiny_engine_init(&tiny, &model, &params);
	tiny_engine_finish(&tiny);
}

/* The mock's device makes no node: only who looks can know of it, and then all do. */
static void who_looks_tells_the_others(void **state)
{
	(void)state;
	assert_false(asks_drivers());
	plan_only("cpu");
	assert_false(asks_drivers());
	plan_only("opencl:0.0");
	assert_true(asks_drivers());
	/* it is there now, so that nothing is remembered */
	assert_true(asks_drivers());
}

static void a_driver_that_fails_is_asked_again(void **state)
{
	(void)state;
	absence_forget(folder);
	assert_true(mock_arm("removed@launch/0:0"));
	assert_true(asks_drivers());
	assert_false(asks_drivers());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_asked_once),
		cmocka_unit_test(what_comes_meanwhile_is_found),
		cmocka_unit_test(who_looks_tells_the_others),
		cmocka_unit_test(a_driver_that_fails_is_asked_again),
	};
	int r;

	if (!mkdtemp(folder))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	absence_forget(folder);
	(void)rmdir(folder);
	return r;
}
