// SPDX-License-Identifier: MIT
/* Owns a conversation's tokens and its share of the cache. Evaluating them is step.c. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "internal.h"

DEFINE_CLEANUP(struct session, session_destroy)

static int take_place(struct engine *engine)
{
	int r = 0;

	(void)pthread_mutex_lock(&engine->lock);
	if (engine->n_sessions == engine->params.n_sessions)
		r = -EBUSY;
	else
		engine->n_sessions++;
	(void)pthread_mutex_unlock(&engine->lock);
	return r;
}

static void give_place_back(struct engine *engine)
{
	(void)pthread_mutex_lock(&engine->lock);
	engine->n_sessions--;
	(void)pthread_mutex_unlock(&engine->lock);
}

int session_create(struct engine *engine, struct session **ret_session)
{
	_cleanup_(session_destroy_p) struct session *session = NULL;
	int r = take_place(engine);

	if (r < 0)
		return r;
	session = calloc(1, sizeof(*session));
	if (!session) {
		give_place_back(engine);
		return log_oom(engine->log, "starting a session");
	}
	session->engine = engine;
	memcpy(session->adapter_scales, engine->adapter_scales, sizeof(session->adapter_scales));
	session->result = calloc(engine_n_result(engine), sizeof(*session->result));
	if (!session->result)
		return log_oom(engine->log, "starting a session");
	for (uint32_t g = 0; g < engine->graph->n_kv_groups; g++) {
		r = kv_table_init(&session->tables[g], engine->max_pages);
		if (r < 0)
			return log_oom(engine->log, "starting a session");
	}
	(void)pthread_mutex_lock(&engine->lock);
	session->next = engine->sessions;
	engine->sessions = session;
	(void)pthread_mutex_unlock(&engine->lock);
	*ret_session = TAKE(session);
	return 0;
}

/* One that is not among them yet is left out of the list too. */
static void leave(struct engine *engine, const struct session *session)
{
	struct session **at = &engine->sessions;

	while (*at && *at != session)
		at = &(*at)->next;
	if (*at)
		*at = session->next;
}

void session_destroy(struct session *session)
{
	struct engine *engine;

	if (!session)
		return;
	engine = session->engine;
	(void)pthread_mutex_lock(&engine->lock);
	for (uint32_t g = 0; g < engine->graph->n_kv_groups; g++)
		kv_table_finish(&session->tables[g], &engine->pools[g]);
	leave(engine, session);
	engine->n_sessions--;
	(void)pthread_mutex_unlock(&engine->lock);
	free(session->tokens);
	free(session->result);
	free(session);
}

static int check_tokens(const struct session *session, const int32_t *tokens, size_t n)
{
	const struct engine *engine = session->engine;

	if (n == 0)
		return log_error(engine->log, EINVAL, "there is no text to continue");
	if (n > engine->params.n_ctx)
		return log_error(
			engine->log, E2BIG,
			"the text has %zu tokens and the context holds %u (--ctx makes it larger)",
			n, engine->params.n_ctx);
	for (size_t i = 0; i < n; i++) {
		if (tokens[i] < 0 || (uint32_t)tokens[i] >= engine->model->n_vocab)
			return log_error(engine->log, EINVAL, "%d is no token of this model",
					 tokens[i]);
	}
	return 0;
}

static size_t common_prefix(const struct session *session, const int32_t *tokens, size_t n)
{
	size_t i = 0;

	while (i < n && i < session->n_done && session->tokens[i] == tokens[i])
		i++;
	return i;
}

/* How much of KEEP positions can be kept: all, or none where a window's pages are gone. */
static size_t keepable(const struct session *session, size_t keep)
{
	const struct graph *graph = session->engine->graph;

	for (uint32_t g = 0; g < graph->n_kv_groups; g++) {
		uint32_t window = graph->kv_groups[g].window;
		size_t needed = window > 0 && keep >= window ? keep - window + 1 : 0;

		if (keep > 0 && needed < (size_t)session->tables[g].first * KV_PAGE)
			return 0;
	}
	return keep;
}

static void forget_from(struct session *session, size_t n)
{
	struct engine *engine = session->engine;

	for (uint32_t g = 0; g < engine->graph->n_kv_groups; g++)
		kv_table_truncate(&session->tables[g], &engine->pools[g], (uint32_t)n);
	session->n_done = n;
	session->n_again = MIN(session->n_again, n);
	for (int p = 0; p < PHASES; p++)
		session->n_cached[p] = MIN(session->n_cached[p], n);
}

void session_begin_again(struct session *session)
{
	size_t n_again = MAX(session->n_again, session->n_done);

	forget_from(session, 0);
	session->n_again = n_again;
}

static void keep_prefix(struct session *session, size_t n, size_t n_wanted)
{
	/* All evaluated, results at hand: nothing to do. */
	if (n == n_wanted && session->n_done == n && session->has_result)
		return;
	if (session->engine->model->is_encoder)
		n = 0;
	/* The last token is evaluated again for its results. */
	if (n == n_wanted)
		n--;
	if (n == session->n_done) {
		session->has_result = false;
		return;
	}
	(void)pthread_mutex_lock(&session->engine->lock);
	forget_from(session, keepable(session, n));
	(void)pthread_mutex_unlock(&session->engine->lock);
	session->has_result = false;
}

int session_sync(struct session *session, const int32_t *tokens, size_t n, size_t *ret_kept)
{
	int r = check_tokens(session, tokens, n);

	if (r < 0)
		return r;
	if (array_reserve(&session->tokens, &session->capacity, n, sizeof(*tokens)) < 0)
		return log_oom(session->engine->log, "taking in the text");
	keep_prefix(session, common_prefix(session, tokens, n), n);
	memmove(session->tokens, tokens, n * sizeof(*tokens));
	session->n_tokens = n;
	if (ret_kept)
		*ret_kept = session->n_done;
	return 0;
}

void session_clear(struct session *session)
{
	(void)pthread_mutex_lock(&session->engine->lock);
	forget_from(session, 0);
	(void)pthread_mutex_unlock(&session->engine->lock);
	session->n_tokens = 0;
	session->has_result = false;
}

int session_set_adapters(struct session *session, const float *scales, uint32_t n)
{
	const struct engine *engine = session->engine;

	if (n != engine->n_adapters)
		return log_error(engine->log, EINVAL, "%u scales are given for %u adapters", n,
				 engine->n_adapters);
	for (uint32_t i = 0; i < n; i++) {
		if (!isfinite(scales[i]))
			return log_error(engine->log, EINVAL,
					 "the scale of adapter %u is no finite number", i);
	}
	if (n == 0 || memcmp(session->adapter_scales, scales, n * sizeof(*scales)) == 0)
		return 0;
	/* What is in the cache went through the adapters of before. */
	(void)pthread_mutex_lock(&session->engine->lock);
	memcpy(session->adapter_scales, scales, n * sizeof(*scales));
	forget_from(session, 0);
	(void)pthread_mutex_unlock(&session->engine->lock);
	session->has_result = false;
	return 0;
}

int session_append(struct session *session, int32_t token)
{
	size_t n = session->n_tokens + 1;
	int r;

	if (n > session->engine->params.n_ctx)
		return -E2BIG;
	r = check_tokens(session, &token, 1);
	if (r < 0)
		return r;
	if (array_reserve(&session->tokens, &session->capacity, n, sizeof(token)) < 0)
		return log_oom(session->engine->log, "taking in the text");
	session->tokens[session->n_tokens++] = token;
	keep_prefix(session, session->n_done, session->n_tokens);
	return 0;
}

int session_evaluate(struct session *session, const atomic_int *cancel)
{
	int64_t left = 1;

	while (left > 0) {
		if (cancel && atomic_load(cancel))
			return -ECANCELED;
		left = engine_step(session->engine, &session, 1);
	}
	return (int)left;
}

const float *session_logits(const struct session *session)
{
	return session->has_result && !engine_makes_embeddings(session->engine) ? session->result
										: NULL;
}

const int32_t *session_tokens(const struct session *session, size_t *ret_n)
{
	*ret_n = session->n_tokens;
	return session->tokens;
}

struct engine *session_engine(const struct session *session)
{
	return session->engine;
}

void session_observe(struct session *session, uint32_t from, session_observe_fn observe, void *data)
{
	session->observe = observe;
	session->observe_data = data;
	session->observe_from = from;
}
