// SPDX-License-Identifier: MIT
/* Owns slm_embed: a text's vector into memory of the caller. */
#include <errno.h>

#include "embedding.h"
#include "library.h"

_Static_assert((int)SLM_POOLING_NONE == (int)POOLING_NONE + 1 &&
		       (int)SLM_POOLING_MEAN == (int)POOLING_MEAN + 1 &&
		       (int)SLM_POOLING_CLS == (int)POOLING_CLS + 1 &&
		       (int)SLM_POOLING_LAST == (int)POOLING_LAST + 1,
	       "poolings are the same, one further");

static int take_params(const struct slm_embed_params *params, const struct log *log,
		       struct slm_embed_params *ret)
{
	struct slm_embed_params taken = {.size_bytes = sizeof(taken)};
	int r = params ? struct_take(&taken, sizeof(taken), params, log) : 0;

	if (r < 0)
		return r;
	if (taken.pooling > SLM_POOLING_LAST)
		return log_error(log, EINVAL, "there is no pooling %u", taken.pooling);
	if (taken.flags & ~SLM_EMBED_RAW)
		return log_error(log, EINVAL, "there is no flag %#x of embeddings",
				 taken.flags & ~SLM_EMBED_RAW);
	*ret = taken;
	return 0;
}

static enum pooling wanted_pooling(const struct slm_embed_params *params)
{
	return params->pooling == SLM_POOLING_MODEL ? POOLING_UNSAID
						    : (enum pooling)(params->pooling - 1);
}

int slm_embed(struct slm_session *session, const int32_t *tokens, size_t n,
	      const struct slm_embed_params *params, float *vector, size_t capacity, size_t *ret_n)
{
	const struct engine *engine = session->engine->engine;
	struct embedding_params inner = {.cancel = &session->cancel};
	struct slm_embed_params taken;
	size_t wanted;
	int r = take_params(params, &session->engine->log.log, &taken);

	if (r == 0)
		r = embedding_pooling(engine, wanted_pooling(&taken), &inner.pooling);
	if (r < 0)
		return r;
	inner.normalize = !(taken.flags & SLM_EMBED_RAW);
	if (__builtin_mul_overflow(embedding_n_vectors(inner.pooling, n), engine_n_result(engine),
				   &wanted))
		return -E2BIG;
	if (wanted > capacity) {
		*ret_n = wanted;
		return -ENOSPC;
	}
	r = session_embed(session->session, tokens, n, &inner, vector);
	if (r == 0)
		*ret_n = wanted;
	return session_end_call(session, r);
}
