// SPDX-License-Identifier: MIT
/*
 * Devices of the mock driver come while a text is continued: tokens go on coming while one is measured and
 * prepared, whatever becomes of it, and are those of a text that nobody disturbed.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>

#include "array.h"
#include "clock.h"
#include "device_list.h"
#include "mock_icd.h"
#include "tiny_engine.h"

enum {
	VOCAB = 260,
	PROMPT = 40,
	TOKENS = 16,	/* that are to come while a device is held */
	TEXT_MAX = 160, /* a text is begun anew then */
	GIVE_UP_MS = 60000,
};

/* Devices differ by the last bits of a sum, of which rounding to int8 makes more from position to position. */
static const float TIE = 0.1f;

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[1 << 16];

/* Devices are measured and prepared by another thread, which has things to say too. */
static void keep_text(void *data, enum log_level level, const char *text)
{
	size_t n;

	(void)data, (void)level;
	(void)pthread_mutex_lock(&log_lock);
	n = strlen(log_text);
	(void)snprintf(log_text + n, sizeof(log_text) - n, "%s\n", text);
	(void)pthread_mutex_unlock(&log_lock);
}

static bool was_said(const char *text)
{
	bool found;

	(void)pthread_mutex_lock(&log_lock);
	found = strstr(log_text, text);
	(void)pthread_mutex_unlock(&log_lock);
	return found;
}

/* ---- a text that goes on and on ---- */

struct text {
	struct tiny_engine tiny;
	struct session *session;
	struct session *undisturbed;
	struct tiny_engine oracle;
};

/* Evaluated. */
static const float *logits_of(struct session *session)
{
	assert_int_equal(session_evaluate(session, NULL), 0);
	return session_logits(session);
}

static int32_t best_of(const float *logits)
{
	int32_t best = 0;

	for (int32_t v = 1; v < VOCAB; v++)
		best = logits[v] > logits[best] ? v : best;
	return best;
}

static void begin_text(struct session *session)
{
	int32_t prompt[PROMPT];

	for (int i = 0; i < PROMPT; i++)
		prompt[i] = 1 + i * 7 % 250;
	assert_int_equal(session_sync(session, prompt, PROMPT, NULL), 0);
}

/* One greedy token more: the one that the oracle says too, which has the processor for itself. */
static void go_on(struct text *text)
{
	const float *wanted;
	int32_t best, other;
	size_t n;

	(void)session_tokens(text->session, &n);
	if (n == TEXT_MAX) {
		begin_text(text->session);
		begin_text(text->undisturbed);
	}
	wanted = logits_of(text->undisturbed);
	best = best_of(wanted);
	other = best_of(logits_of(text->session));
	if (wanted[other] < wanted[best] - TIE)
		fail_msg("token %zu: %d (%g) instead of %d (%g)\n%s", n, other, wanted[other], best,
			 wanted[best], log_text);
	assert_int_equal(session_append(text->session, best), 0);
	assert_int_equal(session_append(text->undisturbed, best), 0);
}

static char *cache_folder(void)
{
	return path_format("%s/arrival", getenv("SLM_CACHE_DIR"));
}

static bool is_of(const char *path, const char *device)
{
	char text[1 << 14] = "";
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		(void)fclose(file);
	return n > 0 && strstr(text, device);
}

/* What was measured of DEVICE, "" for all; compiled programs are kept. */
static void forget_figures(const char *cache, const char *device)
{
	char *folder = path_format("%s/calibration", cache);
	DIR *dir = opendir(folder);
	struct dirent *file;

	while (dir && (file = readdir(dir))) {
		char *path = path_format("%s/%s", folder, file->d_name);

		if (is_of(path, device))
			(void)unlink(path);
		free(path);
	}
	if (dir)
		(void)closedir(dir);
	free(folder);
}

/* DEVICES: NULL for what the engine thinks best. FAULTS are armed before. */
static void text_init(struct text *text, const char *devices, const char *split, const char *faults)
{
	struct tiny_model model = tiny_model_default;
	char *cache = cache_folder();
	const struct log log = {keep_text, NULL, LOG_LEVEL_INFO};
	struct engine_params params = {.device = devices,
				       .split = split,
				       .n_ctx = TEXT_MAX,
				       .n_threads = 2,
				       .cache_dir = cache};

	model.n_layers = 4;
	model.n_ctx = TEXT_MAX;
	log_text[0] = '\0';
	forget_figures(cache, devices ? "mock device 1" : "");
	forget_figures(cache, "mock device 2");
	tiny_engine_init(&text->oracle, &model, &(struct engine_params){.n_ctx = TEXT_MAX});
	assert_int_equal(session_create(text->oracle.engine, &text->undisturbed), 0);
	assert_true(mock_arm(faults));
	tiny_engine_write(&text->tiny, &model);
	text->tiny.kept.log = log;
	params.model_path = text->tiny.path;
	params.log = &text->tiny.kept.log;
	assert_int_equal(engine_create(&params, &text->tiny.engine), 0);
	free(cache);
	assert_int_equal(session_create(text->tiny.engine, &text->session), 0);
	begin_text(text->session);
	begin_text(text->undisturbed);
	for (int i = 0; i < TOKENS; i++)
		go_on(text);
}

static void text_finish(struct text *text)
{
	session_destroy(text->session);
	session_destroy(text->undisturbed);
	tiny_engine_finish(&text->tiny);
	tiny_engine_finish(&text->oracle);
}

/* In either phase. */
static bool uses(const struct text *text, const char *name)
{
	const struct plan *plan = engine_plan(text->tiny.engine);
	const struct plan_device *devices = engine_plan_devices(text->tiny.engine);
	bool found = false;

	for (int p = 0; p < PHASES; p++) {
		for (uint32_t i = 0; i < plan->phases[p].n_segments; i++) {
			uint32_t device = plan->phases[p].segments[i].device;

			found = found || strcmp(devices[device].name, name) == 0;
		}
	}
	return found;
}

static void arm_and_tell(struct text *text, const char *faults)
{
	assert_true(mock_arm(faults));
	engine_devices_changed(text->tiny.engine);
}

/* A condition that other threads bring about: tokens come meanwhile. */
#define go_on_until(text, condition)                                                          \
	for (uint64_t _until = clock_now_ns() + GIVE_UP_MS * UINT64_C(1000000); !(condition); \
	     go_on(text)) {                                                                   \
		if (clock_now_ns() > _until)                                                  \
			fail_msg("never: %s\n%s", #condition, log_text);                      \
	}

/* ---- */

/* Were the device measured by a step, that step would not end while the driver is held. */
static void tokens_come_while_a_device_is_measured(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, "opencl,cpu", NULL, "removed@launch/0:1,removed@launch/0:2");
	arm_and_tell(&text, "hold=30000@launch/30:1,removed@launch/0:2");
	go_on_until(&text, mock_held() == 1 || uses(&text, "mock device 1"));
	for (int i = 0; i < TOKENS; i++)
		go_on(&text);
	assert_int_equal(mock_held(), 1);
	assert_false(uses(&text, "mock device 1"));
	/* Another comes meanwhile. */
	arm_and_tell(&text, "");
	go_on_until(&text, uses(&text, "mock device 1") && uses(&text, "mock device 2"));
	for (int i = 0; i < TOKENS; i++)
		go_on(&text);
	text_finish(&text);
}

/* What was measured before is only prepared: opened, given its weights, run once. */
static void tokens_come_while_a_device_is_prepared(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, "opencl:0.0,cpu", "1,1", "");
	assert_true(uses(&text, "mock device 0"));
	assert_true(mock_arm("removed@launch/0:0"));
	go_on_until(&text, !uses(&text, "mock device 0"));
	arm_and_tell(&text, "hold=30000@launch/1:0");
	go_on_until(&text, mock_held() == 1 || uses(&text, "mock device 0"));
	for (int i = 0; i < TOKENS; i++)
		go_on(&text);
	assert_int_equal(mock_held(), 1);
	assert_false(uses(&text, "mock device 0"));
	assert_true(mock_arm(""));
	go_on_until(&text, uses(&text, "mock device 0"));
	text_finish(&text);
}

static void two_that_come_at_once_are_both_used(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, "opencl,cpu", NULL, "removed@launch/0:1,removed@launch/0:2");
	arm_and_tell(&text, "");
	go_on_until(&text, uses(&text, "mock device 1") && uses(&text, "mock device 2"));
	for (int i = 0; i < TOKENS; i++)
		go_on(&text);
	text_finish(&text);
}

static void one_that_goes_while_it_is_measured_is_left_out(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, "opencl,cpu", NULL, "removed@launch/0:1,removed@launch/0:2");
	arm_and_tell(&text, "removed@launch/50:1,removed@launch/0:2");
	go_on_until(&text, was_said("(opencl:0.1) is left out: it could not be measured"));
	for (int i = 0; i < TOKENS; i++)
		go_on(&text);
	assert_false(uses(&text, "mock device 1"));
	arm_and_tell(&text, "removed@launch/0:2");
	go_on_until(&text, uses(&text, "mock device 1"));
	text_finish(&text);
}

static void one_that_goes_while_it_is_prepared_is_left_out(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, "opencl:0.0,cpu", "1,1", "");
	assert_true(mock_arm("removed@launch/0:0"));
	go_on_until(&text, !uses(&text, "mock device 0"));
	arm_and_tell(&text, "removed@launch/2:0");
	go_on_until(&text, was_said("(opencl:0.0) is left out: it could not be prepared"));
	for (int i = 0; i < TOKENS; i++)
		go_on(&text);
	assert_false(uses(&text, "mock device 0"));
	arm_and_tell(&text, "");
	go_on_until(&text, uses(&text, "mock device 0"));
	text_finish(&text);
}

/* The processor has no figures while it is alone, and is measured beside the text that it computes. */
static void what_there_is_is_measured_too(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, NULL, NULL, "removed@launch/0:0,removed@launch/0:1,removed@launch/0:2");
	assert_null(engine_prediction(text.tiny.engine));
	arm_and_tell(&text, "removed@launch/0:1,removed@launch/0:2");
	go_on_until(&text, engine_prediction(text.tiny.engine));
	for (int i = 0; i < TOKENS; i++)
		go_on(&text);
	text_finish(&text);
}

/* At any moment of it: while it is compiled, measured, prepared. */
static void an_engine_may_end_meanwhile(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 5; n++) {
		struct text text;
		unsigned live;

		text_init(&text, "opencl,cpu", NULL, "removed@launch/0:1,removed@launch/0:2");
		arm_and_tell(&text, "removed@launch/0:2");
		go_on(&text);
		(void)usleep(n * n * 40000);
		go_on(&text);
		text_finish(&text);
		for (int ms = 0; (live = mock_live()) > 0 && ms < 2000; ms++)
			(void)usleep(1000);
		assert_int_equal(live, 0);
	}
}

static bool has_mock(void)
{
	struct kept_log kept;
	struct device_list *list;
	bool found = false;

	kept_log_init(&kept);
	assert_true(mock_arm(""));
	if (device_list_create(DEVICES_ALL, &kept.log, &list) < 0)
		return false;
	for (size_t i = 0; i < list->n_entries; i++)
		found = found || strcmp(list->entries[i].name, "mock device 2") == 0;
	device_list_destroy(list);
	return found;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_come_while_a_device_is_measured),
		cmocka_unit_test(tokens_come_while_a_device_is_prepared),
		cmocka_unit_test(two_that_come_at_once_are_both_used),
		cmocka_unit_test(one_that_goes_while_it_is_measured_is_left_out),
		cmocka_unit_test(one_that_goes_while_it_is_prepared_is_left_out),
		cmocka_unit_test(what_there_is_is_measured_too),
		cmocka_unit_test(an_engine_may_end_meanwhile),
	};

	if (!has_mock()) {
		(void)printf("skipped: the mock driver has no three devices\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
