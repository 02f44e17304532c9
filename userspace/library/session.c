// SPDX-License-Identifier: MIT
/* Owns slm_session: texts, shared evaluation, cancellation from other threads. */
#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"
#include "library.h"

DEFINE_CLEANUP(struct slm_session, slm_session_destroy)

int slm_session_create(struct slm_engine *engine, struct slm_session **ret_session)
{
	_cleanup_(slm_session_destroy_p) struct slm_session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return log_oom(&engine->log.log, "starting a session");
	session->engine = engine;
	r = session_create(engine->engine, &session->session);
	if (r < 0)
		return r;
	*ret_session = TAKE(session);
	return 0;
}

void slm_session_destroy(struct slm_session *session)
{
	if (!session)
		return;
	session_destroy(session->session);
	free(session);
}

int slm_session_sync(struct slm_session *session, const int32_t *tokens, size_t n, size_t *ret_kept)
{
	return session_sync(session->session, tokens, n, ret_kept);
}

int slm_session_set_adapters(struct slm_session *session, const float *scales, size_t n)
{
	return session_set_adapters(session->session, scales, (uint32_t)MIN(n, UINT32_MAX));
}

const int32_t *slm_session_tokens(const struct slm_session *session, size_t *ret_n)
{
	return session_tokens(session->session, ret_n);
}

const float *slm_session_logits(const struct slm_session *session)
{
	return session_logits(session->session);
}

void slm_session_cancel(struct slm_session *session)
{
	atomic_store(&session->cancel, 1);
}

int session_end_call(struct slm_session *session, int result)
{
	if (result == -ECANCELED)
		atomic_store(&session->cancel, 0);
	return result;
}

/* The first that was asked to end, or NULL. */
static struct slm_session *find_canceled(struct slm_session *const *sessions, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (atomic_load(&sessions[i]->cancel))
			return sessions[i];
	}
	return NULL;
}

static int evaluate(struct slm_session *const *sessions, size_t n, struct session **inner)
{
	int64_t left = 1;

	for (size_t i = 0; i < n; i++)
		inner[i] = sessions[i]->session;
	while (left > 0) {
		struct slm_session *canceled = find_canceled(sessions, n);

		if (canceled)
			return session_end_call(canceled, -ECANCELED);
		left = engine_step(sessions[0]->engine->engine, inner, (uint32_t)n);
	}
	return (int)left;
}

int slm_evaluate(struct slm_session *const *sessions, size_t n)
{
	_cleanup_free_ struct session **inner = NULL;

	if (n == 0 || n > ENGINE_SESSIONS_MAX)
		return -EINVAL;
	for (size_t i = 1; i < n; i++) {
		if (sessions[i]->engine != sessions[0]->engine)
			return -EINVAL;
	}
	inner = calloc(n, sizeof(*inner));
	if (!inner)
		return log_oom(&sessions[0]->engine->log.log, "evaluating");
	return evaluate(sessions, n, inner);
}
