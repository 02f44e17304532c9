// SPDX-License-Identifier: MIT
/* Owns the pooling of hidden states into vectors. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "embedding.h"

int embedding_pooling(const struct engine *engine, enum pooling wanted, enum pooling *ret_pooling)
{
	enum pooling pooling = wanted;

	if (!engine_makes_embeddings(engine))
		return log_error(engine_log(engine), EINVAL,
				 "the model was not loaded to make embeddings");
	if (pooling == POOLING_UNSAID)
		pooling = engine_model(engine)->pooling;
	if (pooling == POOLING_UNSAID)
		pooling = POOLING_MEAN;
	if (pooling == POOLING_RANK)
		return log_error(engine_log(engine), ENOTSUP,
				 "the model ranks texts, which this version cannot compute; "
				 "another pooling must be named");
	*ret_pooling = pooling;
	return 0;
}

size_t embedding_n_vectors(enum pooling pooling, size_t n)
{
	return pooling == POOLING_NONE ? n : 1;
}

/* What is gathered while the states of a text come by, one position after another. */
struct gathering {
	enum pooling pooling;
	uint32_t n_embd;
	float *vectors;
	double *sums; /* [n_embd] */
};

static void gather_state(void *data, uint32_t position, const float *state)
{
	struct gathering *gathering = data;
	uint32_t n_embd = gathering->n_embd;
	float *to = gathering->vectors;

	if (gathering->pooling == POOLING_MEAN) {
		for (uint32_t i = 0; i < n_embd; i++)
			gathering->sums[i] += (double)state[i];
		return;
	}
	if (gathering->pooling == POOLING_CLS && position > 0)
		return;
	if (gathering->pooling == POOLING_NONE)
		to += (size_t)position * n_embd;
	memcpy(to, state, n_embd * sizeof(*to));
}

static void normalize(float *vector, uint32_t n)
{
	double square = 0, length;

	for (uint32_t i = 0; i < n; i++)
		square += (double)vector[i] * (double)vector[i];
	length = sqrt(square);
	for (uint32_t i = 0; i < n && length > 0; i++)
		vector[i] = (float)((double)vector[i] / length);
}

/* Every state that counts is seen once: nothing is kept of the text before. */
static int evaluate(struct session *session, const int32_t *tokens, size_t n,
		    struct gathering *gathering, const atomic_int *cancel)
{
	uint32_t from = gathering->pooling == POOLING_LAST ? (uint32_t)n - 1 : 0;
	int r;

	session_clear(session);
	r = session_sync(session, tokens, n, NULL);
	if (r < 0)
		return r;
	session_observe(session, from, gather_state, gathering);
	r = session_evaluate(session, cancel);
	session_observe(session, 0, NULL, NULL);
	return r;
}

int session_embed(struct session *session, const int32_t *tokens, size_t n,
		  const struct embedding_params *params, float *ret_vectors)
{
	const struct engine *engine = session_engine(session);
	uint32_t n_embd = engine_n_result(engine);
	_cleanup_free_ double *sums = calloc(n_embd, sizeof(*sums));
	struct gathering gathering = {params->pooling, n_embd, ret_vectors, sums};
	int r;

	if (!sums)
		return log_oom(engine_log(engine), "making an embedding");
	r = evaluate(session, tokens, n, &gathering, params->cancel);
	if (r < 0)
		return r;
	for (uint32_t i = 0; params->pooling == POOLING_MEAN && i < n_embd; i++)
		ret_vectors[i] = (float)(sums[i] / (double)n);
	for (size_t i = 0; params->normalize && i < embedding_n_vectors(params->pooling, n); i++)
		normalize(ret_vectors + i * n_embd, n_embd);
	return 0;
}
