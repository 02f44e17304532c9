/* SPDX-License-Identifier: MIT */
/*
 * One conversation: the tokens so far, what of them is in the cache, the logits after the last.
 * The caller always hands in the whole text; the session works out what it can keep. That leaves
 * nothing to get out of step.
 */
#ifndef SLM_ENGINE_SESSION_H
#define SLM_ENGINE_SESSION_H

#include <stdatomic.h>

#include "engine.h"

/* 0; -EBUSY when the engine has all the sessions it was made for; -ENOMEM. */
int session_create(struct engine *engine, struct session **ret_session);
void session_destroy(struct session *session);

/*
 * Makes the N tokens the session's text. What the cache holds of a common beginning is kept, and
 * *RET_KEPT (may be NULL) says how much. 0; -E2BIG when N exceeds the context; -EINVAL when N is 0
 * or a token is no token of the model; -ENOMEM. On failure the session is as it was.
 */
int session_sync(struct session *session, const int32_t *tokens, size_t n, size_t *ret_kept);

/* Forgets the text and what the cache holds of it. */
void session_clear(struct session *session);

/*
 * From now on the session's text is evaluated with the engine's adapters at these SCALES [N], N being
 * engine_n_adapters(); 0 leaves one out. Where one changes, nothing of the text counts as evaluated.
 * 0; -EINVAL for another N or a scale that is no finite number.
 */
int session_set_adapters(struct session *session, const float *scales, uint32_t n);

/* Adds one token to the text: what decoding does. As session_sync() otherwise. */
int session_append(struct session *session, int32_t token);

/* Steps until nothing is left to evaluate. *CANCEL (may be NULL) ends it with -ECANCELED. */
int session_evaluate(struct session *session, const atomic_int *cancel);

/* Logits after the last token, [n_vocab], valid until the next call that changes the session; NULL
 * while tokens are left to evaluate, and of an engine that makes embeddings. */
const float *session_logits(const struct session *session);

const int32_t *session_tokens(const struct session *session, size_t *ret_n);
struct engine *session_engine(const struct session *session);

/*
 * From now on OBSERVE is called with the results (logits, or a hidden state) of each evaluated position
 * >= FROM, in order, from within engine_step(). NULL ends it.
 */
typedef void (*session_observe_fn)(void *data, uint32_t position, const float *result);
void session_observe(struct session *session, uint32_t from, session_observe_fn observe,
		     void *data);

#endif
