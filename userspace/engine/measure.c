// SPDX-License-Identifier: MIT
/* Owns the trial of a plan: a turn with tokens of no meaning, and what each segment took. */
#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "clock.h"
#include "internal.h"

enum { MEASURED_ANSWER = 32 };

/* The mean of a phase's steps, and its tokens a second. */
static int measure_phase(struct engine *engine, struct session *session, enum phase phase,
			 uint32_t n_steps, uint32_t n_tokens)
{
	struct plan_measured *measured = engine->measured;
	uint64_t begin = clock_now_ns();
	int r = 0;

	for (uint32_t i = 0; i < n_steps && r == 0; i++) {
		if (phase == PHASE_DECODE)
			r = session_append(session, 0);
		if (r == 0)
			r = session_evaluate(session, NULL);
	}
	measured->tokens_s[phase] = n_tokens * 1e9 / (double)(clock_now_ns() - begin);
	if (phase == PHASE_PREFILL)
		n_steps = (uint32_t)div_up(n_tokens, engine->params.n_batch);
	for (uint32_t i = 0; i < PLAN_SEGMENTS_MAX; i++)
		measured->segment_s[phase][i] /= n_steps;
	return r;
}

static int measure_turn(struct engine *engine, struct session *session)
{
	uint32_t n_prompt = engine->placed.costs.work.n_prompt, n_answer = MEASURED_ANSWER;
	int32_t *tokens;
	int r;

	if (n_prompt + n_answer > engine->params.n_ctx)
		n_prompt -= MIN(n_prompt - 1, n_answer);
	n_answer = MIN(n_answer, engine->params.n_ctx - n_prompt);
	tokens = calloc(n_prompt, sizeof(*tokens));
	if (!tokens)
		return log_oom(engine->log, "measuring the plan");
	r = session_sync(session, tokens, n_prompt, NULL);
	free(tokens);
	if (r == 0)
		r = measure_phase(engine, session, PHASE_PREFILL, 1, n_prompt);
	if (r == 0 && n_answer > 0 && !engine->params.embeddings)
		r = measure_phase(engine, session, PHASE_DECODE, n_answer, n_answer);
	return r;
}

int engine_measure(struct engine *engine, struct plan_measured *ret_measured)
{
	struct session *session;
	int r = session_create(engine, &session);

	if (r < 0)
		return r;
	/* The first turn brings weights to memory and drivers to speed. */
	for (int turn = 0; turn < 2 && r == 0; turn++) {
		*ret_measured = (struct plan_measured){0};
		session_clear(session);
		engine->measured = ret_measured;
		r = measure_turn(engine, session);
		engine->measured = NULL;
	}
	session_destroy(session);
	return r;
}
