/* SPDX-License-Identifier: MIT */
/*
 * Texts as vectors: the hidden states after the model's last norm, pooled. For engines that were made
 * with engine_params.embeddings.
 */
#ifndef SLM_ENGINE_EMBEDDING_H
#define SLM_ENGINE_EMBEDDING_H

#include "session.h"

struct embedding_params {
	enum pooling pooling;	  /* what embedding_pooling() gave */
	bool normalize;		  /* divide each vector by its length (where that is not 0) */
	const atomic_int *cancel; /* NULL, or not 0 once the call is to end */
};

/*
 * How texts are pooled: as WANTED, or for POOLING_UNSAID as the file says, or as a mean where it says
 * nothing. 0; -EINVAL for an engine that makes no embeddings, -ENOTSUP for a file that wants a score
 * of its own instead of a vector; both logged.
 */
int embedding_pooling(const struct engine *engine, enum pooling wanted, enum pooling *ret_pooling);

/* Vectors that a text of N tokens gives: N with POOLING_NONE, else 1; each of n_embd numbers. */
size_t embedding_n_vectors(enum pooling pooling, size_t n);

/*
 * Evaluates the N tokens, which become the session's text, and pools them into RET_VECTORS, [vectors]
 * [n_embd]; undefined on failure. A mean is summed in double, so that a text may be longer than a
 * batch. 0; -ECANCELED; else what session_sync() and engine_step() give.
 */
int session_embed(struct session *session, const int32_t *tokens, size_t n,
		  const struct embedding_params *params, float *ret_vectors);

#endif
