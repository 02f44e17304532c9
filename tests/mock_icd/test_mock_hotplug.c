// SPDX-License-Identifier: MIT
/*
 * A mock device goes while a text is continued, and comes back when the kernel (umockdev's) says that
 * something was plugged in: the way from the uevent to the plan, as `slm run` goes it.
 */
#include <stdio.h>
#include <umockdev.h>

#include "device_watch.h"
#include "mock_icd.h"
#include "tiny_engine.h"

enum { VOCAB = 260, TOKENS = 8, EVENT_MS = 5000 };

static void plug(UMockdevTestbed *testbed)
{
	assert_true(umockdev_testbed_add_from_string(
		testbed,
		"P: /devices/pci0000:00/0000:00:0b.0/accel/accel0\nN: accel/accel0\n"
		"E: SUBSYSTEM=accel\nE: DEVNAME=/dev/accel/accel0\nE: MAJOR=261\nE: MINOR=0\n"
		"A: dev=261:0\\n\n\n",
		NULL));
}

/* Adds N greedy tokens to the session's text, with a look at the kernel before each. */
static void go_on(struct session *session, struct device_watch *watch, int32_t ret_tokens[TOKENS])
{
	for (int i = 0; i < TOKENS; i++) {
		const float *logits;
		int32_t best = 0;

		device_watch_look(watch);
		assert_int_equal(session_evaluate(session, NULL), 0);
		logits = session_logits(session);
		for (int32_t v = 1; v < VOCAB; v++)
			best = logits[v] > logits[best] ? v : best;
		ret_tokens[i] = best;
		assert_int_equal(session_append(session, best), 0);
	}
}

static bool uses_mock(const struct engine *engine)
{
	char text[ENGINE_DEVICES_TEXT_MAX];

	return strstr(engine_devices_text(engine, text), "opencl:0.0") != NULL;
}

/* The kernel's word may take a moment; a look that finds none changes nothing. */
static void go_on_until_plugged(struct session *session, struct device_watch *watch)
{
	int32_t tokens[TOKENS];

	for (int ms = 0; ms < EVENT_MS && !uses_mock(session_engine(session)); ms += 20) {
		assert_int_equal(session_sync(session, (int32_t[]){5, 6, 7}, 3, NULL), 0);
		go_on(session, watch, tokens);
		(void)usleep(20000);
	}
}

static void what_is_plugged_in_is_used(void **state)
{
	struct tiny_model model = tiny_model_default;
	struct engine_params params = {.device = "opencl:0.0,cpu",
				       .split = "1,1",
				       .n_ctx = 256,
				       .cache_dir = getenv("SLM_CACHE_DIR")};
	UMockdevTestbed *testbed = umockdev_testbed_new();
	int32_t wanted[TOKENS], got[TOKENS];
	struct device_watch watch;
	struct session *session;
	struct tiny_engine tiny;

	(void)state;
	tiny_engine_init(&tiny, &model, &params);
	device_watch_init(&watch, tiny.engine);
	assert_non_null(watch.hotplug);
	assert_int_equal(session_create(tiny.engine, &session), 0);
	assert_int_equal(session_sync(session, (int32_t[]){1, 2, 3, 4}, 4, NULL), 0);
	go_on(session, &watch, wanted);
	assert_true(uses_mock(tiny.engine));
	assert_true(mock_arm("removed@launch/0:0"));
	assert_int_equal(session_sync(session, (int32_t[]){1, 2, 3, 4}, 4, NULL), 0);
	go_on(session, &watch, got);
	assert_memory_equal(got, wanted, sizeof(got));
	assert_false(uses_mock(tiny.engine));
	assert_true(mock_arm(""));
	plug(testbed);
	go_on_until_plugged(session, &watch);
	assert_true(uses_mock(tiny.engine));
	assert_int_equal(session_sync(session, (int32_t[]){1, 2, 3, 4}, 4, NULL), 0);
	go_on(session, &watch, got);
	assert_memory_equal(got, wanted, sizeof(got));
	session_destroy(session);
	device_watch_finish(&watch);
	tiny_engine_finish(&tiny);
	g_object_unref(testbed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_plugged_in_is_used)};

	if (access("/dev/pts", F_OK) < 0) {
		print_message("umockdev makes nodes of pseudo terminals: /dev/pts is not there\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
