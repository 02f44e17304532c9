// SPDX-License-Identifier: MIT
/*
 * The longest wait for a token of an answer beside which the mock driver's device goes and comes:
 *
 *	hotplug_gap GGUF [DEVICES [CACHE]]
 *
 * With DEVICES, two of them, it is there at first and goes; without, it comes for the first time
 * (SLM_MOCK_FAULTS=removed@launch/0). OCL_ICD_VENDORS must name the mock driver's folder. Without CACHE
 * nothing is kept, so that the device is measured and its kernels are compiled whenever it comes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "clock.h"
#include "mock_icd.h"
#include "session.h"

enum { PROMPT = 512, GONE_AT = 32, BACK_AT = 64, TOKENS = 1024, REST_MS = 20000, CONTEXT = 2048 };

struct span {
	const char *name;
	double longest_ms, sum_ms;
	uint32_t n, longest_at;
};

static void write_log(void *data, enum log_level level, const char *text)
{
	(void)data, (void)level;
	(void)fprintf(stderr, "%8.0f ms %s\n", (double)(clock_now_ns() % 1000000000000) / 1e6,
		      text);
}

static const struct log gap_log = {write_log, NULL, LOG_LEVEL_INFO};

static int32_t best_of(const struct session *session, uint32_t n_vocab)
{
	const float *logits = session_logits(session);
	int32_t best = 0;

	for (uint32_t v = 1; v < n_vocab; v++)
		best = logits[v] > logits[best] ? (int32_t)v : best;
	return best;
}

static void count(struct span *span, double ms)
{
	if (ms > span->longest_ms) {
		span->longest_ms = ms;
		span->longest_at = span->n;
	}
	span->sum_ms += ms;
	span->n++;
}

static void tell(const struct span *span)
{
	if (span->n > 0)
		(void)printf("%-28s %4" PRIu32
			     " tokens, mean %7.1f ms, longest %7.1f ms at %" PRIu32 "\n",
			     span->name, span->n, span->sum_ms / span->n, span->longest_ms,
			     span->longest_at);
}

static bool uses_mock(const struct engine *engine)
{
	const struct plan *plan = engine_plan(engine);
	const struct plan_device *devices = engine_plan_devices(engine);
	bool found = false;

	for (int p = 0; p < PHASES; p++) {
		for (uint32_t i = 0; i < plan->phases[p].n_segments; i++)
			found = found ||
				strstr(devices[plan->phases[p].segments[i].device].name, "mock");
	}
	return found;
}

static int stream(struct session *session, bool goes)
{
	struct engine *engine = session_engine(session);
	struct span spans[] = {{.name = "before"},
			       {.name = "after it went"},
			       {.name = "after it came"},
			       {.name = "once in use"}};
	uint64_t came_ns = 0;
	size_t at = 0;

	for (int i = 0; i < TOKENS; i++) {
		uint64_t begin;

		if (i == GONE_AT && goes) {
			(void)mock_arm("removed@launch/0");
			at = 1;
		}
		if (i == BACK_AT) {
			(void)mock_arm("");
			engine_devices_changed(engine);
			came_ns = clock_now_ns();
			at = 2;
		}
		begin = clock_now_ns();
		if (session_append(session, best_of(session, engine_n_result(engine))) < 0 ||
		    session_evaluate(session, NULL) < 0)
			return EXIT_FAILURE;
		count(&spans[at], (double)(clock_now_ns() - begin) / 1e6);
		if (at == 2 && uses_mock(engine)) {
			(void)printf("in use %.0f ms after it came\n",
				     (double)(clock_now_ns() - came_ns) / 1e6);
			at = 3;
		}
		if (at == 2 && clock_now_ns() - came_ns > REST_MS * UINT64_C(1000000))
			break;
		if (at == 3 && spans[3].n == 32)
			break;
	}
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++)
		tell(&spans[i]);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct engine_params params = {.n_ctx = CONTEXT, .n_threads = 2, .log = &gap_log};
	struct session *session = NULL;
	struct engine *engine = NULL;
	int32_t prompt[PROMPT];
	int r = EXIT_FAILURE;

	if (argc < 2)
		return EXIT_FAILURE;
	params.model_path = argv[1];
	params.device = argc > 2 && *argv[2] ? argv[2] : NULL;
	params.split = params.device ? "1,1" : NULL;
	params.cache_dir = argc > 3 ? argv[3] : NULL;
	for (int i = 0; i < PROMPT; i++)
		prompt[i] = 100 + i;
	if (engine_create(&params, &engine) == 0 && session_create(engine, &session) == 0 &&
	    session_sync(session, prompt, PROMPT, NULL) == 0 &&
	    session_evaluate(session, NULL) == 0)
		r = stream(session, params.device != NULL);
	if (session)
		session_destroy(session);
	engine_destroy(engine);
	return r;
}
