// SPDX-License-Identifier: MIT
/*
 * What becomes of an answer when devices fail: random schedules of faults over two devices of the
 * mock driver and the processor. The greedy text must be the one of a run without faults.
 *
 *   test_faults [SCHEDULES [SEED]]
 */
#include <stdio.h>

#include "array.h"
#include "kernel_case.h"
#include "mock_icd.h"
#include "tiny_engine.h"

enum {
	SCHEDULES = 24,
	PROMPT = 90,
	BATCH = 32,
	ANSWER = 24,
	VOCAB = 260,
	SKIPPED = 77,
};

/* At a tie devices may differ by the last bits of a logit. */
static const float TIE = 2e-3f;

enum fault {
	/* that lose a device at work */
	FAULT_RESOURCES,
	FAULT_RESOURCES_LATER,
	FAULT_UNAVAILABLE,
	FAULT_REMOVED,
	FAULT_HANG,
	FAULTS_AT_WORK,
	/* that hit the device that is to take over */
	FAULT_MEMORY = FAULTS_AT_WORK,
	FAULT_BUILD,
	FAULT_ABORT_BUILD,
	FAULTS,
};

/* How the mock driver is told, and up to which call at that point one may come. */
static const struct fault_kind {
	const char *name;
	const char *at; /* kind and point */
	uint32_t counts;
} fault_kinds[] = {
	[FAULT_RESOURCES] = {"resources", "resources@launch", 100},
	[FAULT_RESOURCES_LATER] = {"resources at run", "resources@run", 100},
	[FAULT_UNAVAILABLE] = {"unavailable", "unavailable@launch", 100},
	[FAULT_REMOVED] = {"removed", "removed@launch", 100},
	[FAULT_HANG] = {"hang", "hang@run", 100},
	[FAULT_MEMORY] = {"memory", "memory@buffer", 12},
	[FAULT_BUILD] = {"build", "build@build", 1},
	[FAULT_ABORT_BUILD] = {"abort-build", "abort-build@build", 1},
};

static struct {
	unsigned drawn[FAULTS]; /* schedules that had one */
	unsigned failed_over[FAULTS];
	unsigned ties;
	unsigned schedules;
} tally;

struct schedule {
	struct random random;
	struct tiny_model model;
	struct engine_params params;
	bool hits[FAULTS];
	char faults[256];
	bool compiles; /* the device that takes over is new: its programs are built in the middle */
	uint32_t arm_at; /* tokens of the answer before */
};

static void add_fault(struct schedule *s, uint32_t kind, uint32_t device)
{
	size_t at = strlen(s->faults);

	s->hits[kind] = true;
	(void)snprintf(s->faults + at, sizeof(s->faults) - at, "%s%s/%u:%u", at > 0 ? "," : "",
		       fault_kinds[kind].at, random_in(&s->random, 1, fault_kinds[kind].counts),
		       device);
}

/* A device fails at work; perhaps another fails at work too, or when it is to take over. */
static void draw_faults(struct schedule *s)
{
	uint32_t device = random_in(&s->random, 0, 1);

	if (s->compiles)
		device = 0;
	add_fault(s, random_in(&s->random, 0, FAULTS_AT_WORK - 1), device);
	if (s->compiles)
		s->hits[random_in(&s->random, 0, 1) ? FAULT_BUILD : FAULT_ABORT_BUILD] = true;
	else if (random_in(&s->random, 0, 1))
		add_fault(s,
			  random_in(&s->random, 0, 1) ? (uint32_t)FAULT_MEMORY
						      : random_in(&s->random, 0, FAULT_HANG),
			  1 - device);
}

/* Two mock devices and the processor in one of several orders, or one for each phase. When the first
 * of two is all that was wanted and fails, the other takes over. */
static void draw_placement(struct schedule *s)
{
	static const char *const orders[] = {"opencl:0.0,cpu", "cpu,opencl:0.1",
					     "opencl:0.0,opencl:0.1", "opencl:0.0,cpu,opencl:0.1"};
	static const char *const splits[] = {"1,1", "1,1", "1,1", "1,1,1"};
	uint32_t order = random_in(&s->random, 0, ARRAY_SIZE(orders));

	if (s->compiles) {
		s->params.device = "opencl:0.0";
		return;
	}
	if (order < ARRAY_SIZE(orders)) {
		s->params.device = orders[order];
		s->params.split = splits[order];
		return;
	}
	s->params.phase_device[PHASE_PREFILL] = "opencl:0.0";
	s->params.phase_device[PHASE_DECODE] = random_in(&s->random, 0, 1) ? "cpu" : "opencl:0.1";
}

static void schedule_init(struct schedule *s, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	s->random.state = seed;
	s->model = tiny_model_default;
	s->model.n_layers = 4;
	s->model.type = TENSOR_Q4_0;
	if (random_in(&s->random, 0, 2) == 0) {
		s->model.arch = "gemma3";
		s->model.n_layers = 6;
		s->model.window = 64;
	}
	s->params.n_ctx = 256;
	s->params.n_batch = BATCH;
	s->params.n_sessions = 2;
	s->params.cache_dir = getenv("SLM_CACHE_DIR");
	s->compiles = random_in(&s->random, 0, 5) == 0;
	draw_placement(s);
	draw_faults(s);
	s->arm_at = random_in(&s->random, 0, ANSWER - 1);
}

static int32_t best(const float *logits)
{
	int32_t best = 0;

	for (int32_t i = 1; i < VOCAB; i++) {
		if (logits[i] > logits[best])
			best = i;
	}
	return best;
}

static void fill_prompt(int32_t prompt[PROMPT], uint32_t seed)
{
	for (uint32_t i = 0; i < PROMPT; i++) {
		seed = seed * 1664525 + 1013904223;
		prompt[i] = (int32_t)(seed >> 8) % 256;
	}
}

/* Programs are built by a child of ours, which is told by the environment. */
static void arm(const struct schedule *s, const char *faults)
{
	assert_true(mock_arm(faults));
	if (s->hits[FAULT_BUILD] || s->hits[FAULT_ABORT_BUILD])
		assert_int_equal(
			setenv("SLM_MOCK_FAULTS",
			       s->hits[FAULT_BUILD] ? "build@build/1+" : "abort-build@build/1+", 1),
			0);
}

/* The answer; where it leaves WANTED (or NULL) for a tie, that is followed. */
static void answer(struct engine *engine, const struct schedule *s, const int32_t *wanted,
		   const char *faults, int32_t ret_answer[ANSWER])
{
	int32_t prompt[PROMPT];
	struct session *session;
	size_t n;

	fill_prompt(prompt, 9);
	assert_int_equal(session_create(engine, &session), 0);
	assert_int_equal(session_sync(session, prompt, PROMPT, NULL), 0);
	for (uint32_t i = 0; i < ANSWER; i++) {
		const float *logits;
		int32_t token;

		if (faults && i == s->arm_at)
			arm(s, faults);
		assert_int_equal(session_evaluate(session, NULL), 0);
		logits = session_logits(session);
		token = best(logits);
		if (wanted && token != wanted[i]) {
			assert_true(logits[token] - logits[wanted[i]] < TIE);
			tally.ties++;
			token = wanted[i];
		}
		ret_answer[i] = token;
		assert_int_equal(session_append(session, token), 0);
	}
	(void)session_tokens(session, &n);
	assert_int_equal(n, PROMPT + ANSWER);
	session_destroy(session);
}

/* N_LOST devices were set aside; the second fault of a schedule strikes after the first. */
static void count(const struct schedule *s, unsigned n_lost)
{
	tally.schedules++;
	for (int i = 0; i < FAULTS; i++) {
		tally.drawn[i] += s->hits[i];
		tally.failed_over[i] += s->hits[i] && n_lost > (i >= FAULTS_AT_WORK);
	}
}

/* Its own, so that no program is there before. */
static void cache_init(struct schedule *s, char folder[static 32])
{
	strcpy(folder, "/tmp/slm-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	s->params.cache_dir = folder;
}

static void cache_finish(const char *folder)
{
	char *command = path_format("rm -rf '%s'", folder);

	assert_int_equal(system(command), 0);
	free(command);
}

static unsigned lost;

static void count_losses(void *data, enum log_level level, const char *text)
{
	lost += strstr(text, "is left out") != NULL;
	kept_log_write(data, level, text);
}

/* A driver's callback may hold an event for a moment after the wait for it has returned. */
static bool is_freed(unsigned n_before)
{
	for (int i = 0; i < 1000 && mock_live() > n_before; i++)
		(void)usleep(10000);
	return mock_live() <= n_before;
}

static void try_schedule(uint64_t seed)
{
	int32_t wanted[ANSWER], got[ANSWER];
	struct tiny_engine tiny;
	unsigned n_before = mock_live();
	struct schedule s;
	char cache[32];

	schedule_init(&s, seed);
	if (s.compiles)
		cache_init(&s, cache);
	assert_true(mock_arm(""));
	tiny_engine_init(&tiny, &s.model, &s.params);
	tiny.kept.log.write = count_losses;
	answer(tiny.engine, &s, NULL, NULL, wanted);
	lost = 0;
	answer(tiny.engine, &s, wanted, s.faults, got);
	assert_memory_equal(got, wanted, sizeof(got));
	count(&s, lost);
	/* And the next conversation on what is left. */
	answer(tiny.engine, &s, wanted, NULL, got);
	assert_true(mock_arm(""));
	assert_int_equal(unsetenv("SLM_MOCK_FAULTS"), 0);
	tiny_engine_finish(&tiny);
	if (s.compiles)
		cache_finish(cache);
	/* What a driver that hangs has is left to it. */
	if (!s.hits[FAULT_HANG])
		assert_true(is_freed(n_before));
}

static unsigned n_schedules = SCHEDULES;
static uint64_t first_seed = 1;

static void answers_survive(void **state)
{
	(void)state;
	for (unsigned i = 0; i < n_schedules; i++) {
		(void)fprintf(stderr, "\rschedule %u, seed %u ", i, (unsigned)(first_seed + i));
		try_schedule(first_seed + i);
	}
	(void)printf("\n%-18s %6s %s\n", "fault", "drawn", "with a device lost");
	for (int i = 0; i < FAULTS; i++)
		(void)printf("%-18s %6u %u\n", fault_kinds[i].name, tally.drawn[i],
			     tally.failed_over[i]);
	(void)printf("%u schedules, %u ties\n", tally.schedules, tally.ties);
}

/* ---- devices that come back ---- */

enum { RETRY_MS = 50, TALKS_MAX = 10000 };

static void open_on_mock(struct tiny_engine *tiny, uint32_t retry_ms)
{
	struct tiny_model model = tiny_model_default;
	struct engine_params params = {.device = "opencl:0.0,cpu",
				       .split = "1,1",
				       .n_ctx = 256,
				       .n_batch = BATCH,
				       .retry_ms = retry_ms,
				       .cache_dir = getenv("SLM_CACHE_DIR")};

	model.type = TENSOR_Q4_0;
	assert_true(mock_arm(""));
	tiny_engine_init(tiny, &model, &params);
}

static bool uses_mock(const struct engine *engine)
{
	const struct plan *plan = engine_plan(engine);
	const struct plan_device *devices = engine_plan_devices(engine);
	bool found = false;

	for (int p = 0; p < PHASES; p++) {
		for (uint32_t i = 0; i < plan->phases[p].n_segments; i++) {
			uint32_t device = plan->phases[p].segments[i].device;

			found = found || strstr(devices[device].name, "mock");
		}
	}
	return found;
}

/* The tokens of one answer, without faults but those that are armed. */
static void talk(struct engine *engine, int32_t ret_answer[ANSWER])
{
	struct schedule s = {.arm_at = ANSWER};

	answer(engine, &s, NULL, NULL, ret_answer);
}

/* It is prepared beside the answers, which stay as they are. */
static void talk_until_used(struct engine *engine, const int32_t wanted[ANSWER])
{
	int32_t got[ANSWER];

	for (int i = 0; i < TALKS_MAX && !uses_mock(engine); i++) {
		talk(engine, got);
		assert_memory_equal(got, wanted, sizeof(got));
	}
	assert_true(uses_mock(engine));
	talk(engine, got);
	assert_memory_equal(got, wanted, sizeof(got));
}

static void a_lost_device_is_tried_again(void **state)
{
	int32_t wanted[ANSWER], got[ANSWER];
	struct tiny_engine tiny;

	(void)state;
	open_on_mock(&tiny, RETRY_MS);
	assert_true(uses_mock(tiny.engine));
	talk(tiny.engine, wanted);
	assert_true(mock_arm("resources@launch/30:0"));
	talk(tiny.engine, got);
	assert_memory_equal(got, wanted, sizeof(got));
	talk_until_used(tiny.engine, wanted);
	tiny_engine_finish(&tiny);
}

static void a_device_comes_and_goes(void **state)
{
	int32_t wanted[ANSWER], got[ANSWER];
	struct tiny_engine tiny;

	(void)state;
	open_on_mock(&tiny, 0);
	talk(tiny.engine, wanted);
	assert_true(mock_arm("removed@launch/0:0"));
	talk(tiny.engine, got);
	assert_memory_equal(got, wanted, sizeof(got));
	assert_false(uses_mock(tiny.engine));
	/* Said to have changed while it is still away. */
	engine_devices_changed(tiny.engine);
	talk(tiny.engine, got);
	assert_memory_equal(got, wanted, sizeof(got));
	assert_false(uses_mock(tiny.engine));
	assert_true(mock_arm(""));
	engine_devices_changed(tiny.engine);
	talk_until_used(tiny.engine, wanted);
	tiny_engine_finish(&tiny);
}

static bool has_mock(void)
{
	struct kept_log kept;
	struct device_list *list;
	bool found = false;

	kept_log_init(&kept);
	if (device_list_create(DEVICES_ALL, &kept.log, &list) < 0)
		return false;
	for (size_t i = 0; i < list->n_entries; i++)
		found = found || (list->entries[i].usable &&
				  strcmp(list->entries[i].selector, "opencl:0.1") == 0 &&
				  strstr(list->entries[i].name, "mock"));
	device_list_destroy(list);
	return found;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(answers_survive),
					   cmocka_unit_test(a_lost_device_is_tried_again),
					   cmocka_unit_test(a_device_comes_and_goes)};

	if (argc > 1)
		n_schedules = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		first_seed = strtoull(argv[2], NULL, 10);
	if (!has_mock()) {
		(void)printf("skipped: the mock driver has no two devices\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
