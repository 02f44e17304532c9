// SPDX-License-Identifier: MIT
/* Owns the token loop of an answer. Refuses to know where the text goes. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "clock.h"
#include "detokenizer.h"
#include "generate.h"
#include "stop_text.h"
#include "token_filter.h"
#include "vocabulary.h"

struct answer {
	struct session *session;
	const struct generate_params *params;
	const struct tokenizer *tokenizer;
	struct sampler *sampler;
	struct token_filter *filter; /* NULL: no grammar */
	struct detokenizer *detokenizer;
	struct stop_text stop_text;
	struct generate_result *result;
	const struct log *log;
	bool listener_left; /* write() wants no more */
};

static const char *const end_names[] = {
	[GENERATE_END_TOKEN] = "end",
	[GENERATE_END_STOP] = "stop",
	[GENERATE_END_LENGTH] = "length",
	[GENERATE_END_CANCELED] = "canceled",
};

const char *generate_end_name(enum generate_end end)
{
	return end_names[end];
}

static int check_params(const struct generate_params *params, const struct log *log)
{
	if (params->n_stops > GENERATE_STOPS_MAX)
		return log_error(log, EINVAL, "%u stop strings are too many: at most %d",
				 params->n_stops, GENERATE_STOPS_MAX);
	for (uint32_t i = 0; i < params->n_stops; i++) {
		size_t size = strlen(params->stops[i]);

		if (size == 0 || size > GENERATE_STOP_BYTES_MAX)
			return log_error(log, EINVAL, "a stop string must have 1 to %d bytes",
					 GENERATE_STOP_BYTES_MAX);
	}
	return 0;
}

static int refuse_sampler(const struct answer *answer, uint32_t n_vocab)
{
	const struct sampler_params *params = &answer->params->sampler;

	for (size_t i = 0; i < params->n_biases; i++) {
		int32_t token = params->biases[i].token;

		if (token < 0 || (uint32_t)token >= n_vocab)
			return log_error(answer->log, EINVAL,
					 "there is no token %" PRId32
					 " to bias: the model's tokens are 0 to %" PRIu32,
					 token, n_vocab - 1);
	}
	return log_error(answer->log, EINVAL, "the sampling parameters make no sense");
}

static int filter_failed(const struct answer *answer, int r)
{
	if (r == -ENOMEM)
		return log_oom(answer->log, "following a grammar");
	if (r == -E2BIG)
		return log_error(answer->log, E2BIG,
				 "the grammar is too ambiguous: too many ways to read the answer");
	if (r == -ENOENT)
		return log_error(answer->log, ENOTSUP,
				 "no token of the model can continue the answer as the grammar "
				 "wants");
	return r;
}

static int start_filter(struct answer *answer)
{
	struct token_filter_params params = {
		.grammar = answer->params->grammar,
		.vocabulary = engine_vocabulary(session_engine(answer->session)),
		.ignore_end = answer->params->ignore_end,
	};

	if (!params.grammar)
		return 0;
	return filter_failed(answer, token_filter_create(&params, &answer->filter));
}

static int start(struct answer *answer, const int32_t *tokens, size_t n)
{
	const struct generate_params *params = answer->params;
	/* A grammar knows nothing of the blank that some tokenizers put before a text. */
	struct detokenizer_options options = {.show_control = params->show_control,
					      .at_start = params->grammar != NULL};
	uint32_t n_vocab = engine_model(session_engine(answer->session))->n_vocab;
	int r;

	r = sampler_create(&params->sampler, n_vocab, &answer->sampler);
	if (r == -EINVAL)
		return refuse_sampler(answer, n_vocab);
	if (r == 0)
		r = detokenizer_create(answer->tokenizer, &options, &answer->detokenizer);
	if (r < 0)
		return log_oom(answer->log, "starting an answer");
	stop_text_init(&answer->stop_text, params->stops, params->n_stops);
	sampler_accept(answer->sampler, tokens, n);
	return start_filter(answer);
}

/* 1 when the listener wants no more. */
static int show(struct answer *answer, const char *text, size_t size_bytes)
{
	if (size_bytes == 0 || !answer->params->write)
		return 0;
	answer->listener_left = answer->params->write(answer->params->data, text, size_bytes) != 0;
	return answer->listener_left;
}

/* Text that a token has completed: 1 when the answer ends here. */
static int show_text(struct answer *answer, struct span text)
{
	const char *shown;
	bool stopped;
	size_t size;
	int r;

	r = stop_text_push(&answer->stop_text, text.data, text.size, &shown, &size, &stopped);
	if (r < 0)
		return log_oom(answer->log, "writing an answer");
	if (show(answer, shown, size)) {
		answer->result->end = GENERATE_END_CANCELED;
		return 1;
	}
	if (stopped)
		answer->result->end = GENERATE_END_STOP;
	return stopped;
}

static int finish_text(struct answer *answer)
{
	const char *rest;
	size_t size;
	int r;

	r = show_text(answer, detokenizer_flush(answer->detokenizer));
	if (r != 0)
		return MIN(r, 0);
	stop_text_flush(&answer->stop_text, &rest, &size);
	(void)show(answer, rest, size);
	return 0;
}

static bool is_full(const struct answer *answer)
{
	size_t n;

	(void)session_tokens(answer->session, &n);
	return n >= engine_n_ctx(session_engine(answer->session));
}

/* 1 when the grammar allows nothing after *RET_TOKEN. */
static int pick_allowed(struct answer *answer, int32_t *ret_token)
{
	struct sampler_mask mask;
	int r = token_filter_mask(answer->filter, &mask);

	if (r == 0)
		r = *ret_token = sampler_pick_masked(answer->sampler,
						     session_logits(answer->session), &mask);
	if (r >= 0)
		r = token_filter_accept(answer->filter, *ret_token);
	answer->result->is_complete = r >= 0 && token_filter_is_complete(answer->filter);
	return r < 0 ? filter_failed(answer, r) : r;
}

static int pick(struct answer *answer, int32_t *ret_token)
{
	if (answer->filter)
		return pick_allowed(answer, ret_token);
	*ret_token = sampler_pick(answer->sampler, session_logits(answer->session));
	return 0;
}

/* TOKEN is part of the answer: 1 when there is no room for it, or none after it is wanted. */
static int take_token(struct answer *answer, int32_t token)
{
	int64_t max_tokens = answer->params->max_tokens;
	int r;

	answer->result->end = GENERATE_END_LENGTH;
	if (is_full(answer))
		return 1;
	r = session_append(answer->session, token);
	if (r < 0)
		return r;
	return max_tokens >= 0 && answer->result->n_generated >= (uint64_t)max_tokens;
}

/* Picks and shows one token: 1 when it was the last, 0 when the text goes on with it. */
static int next_token(struct answer *answer)
{
	int32_t token = TOKEN_NONE;
	int r = pick(answer, &token);
	bool is_last = r == 1;

	if (r < 0)
		return r;
	answer->result->n_generated++;
	if (tokenizer_is_end(answer->tokenizer, token) && !answer->params->ignore_end) {
		answer->result->end = GENERATE_END_TOKEN;
		return 1;
	}
	r = show_text(answer, detokenizer_push(answer->detokenizer, token));
	if (r == 0)
		r = take_token(answer, token);
	if (r < 0 || !is_last || answer->result->end != GENERATE_END_LENGTH)
		return r;
	answer->result->end = GENERATE_END_TOKEN;
	return 1;
}

static int evaluate(struct answer *answer)
{
	int r = session_evaluate(answer->session, answer->params->cancel);

	if (r != -ECANCELED)
		return r;
	answer->result->end = GENERATE_END_CANCELED;
	return 1;
}

/* From the first logits on. */
static int token_loop(struct answer *answer)
{
	uint64_t begin = clock_now_ns();
	int r = answer->params->max_tokens == 0;

	answer->result->is_complete = !answer->filter || token_filter_is_complete(answer->filter);
	while (r == 0) {
		r = next_token(answer);
		if (r == 0)
			r = evaluate(answer);
	}
	answer->result->answer_ns = clock_now_ns() - begin;
	if (r < 0)
		return r;
	/* Also what a canceled answer still holds back has been said. */
	return answer->result->end == GENERATE_END_STOP || answer->listener_left
		       ? 0
		       : finish_text(answer);
}

static int run(struct answer *answer, const int32_t *tokens, size_t n)
{
	uint64_t begin = clock_now_ns();
	int r;

	r = session_sync(answer->session, tokens, n, &answer->result->n_kept);
	if (r == 0)
		r = evaluate(answer);
	answer->result->prompt_ns = clock_now_ns() - begin;
	if (r != 0)
		return MIN(r, 0);
	return token_loop(answer);
}

static void answer_finish(struct answer *answer)
{
	sampler_destroy(answer->sampler);
	token_filter_destroy(answer->filter);
	detokenizer_destroy(answer->detokenizer);
	stop_text_finish(&answer->stop_text);
}

int generate(struct session *session, const int32_t *tokens, size_t n,
	     const struct generate_params *params, struct generate_result *ret_result)
{
	const struct engine *engine = session_engine(session);
	struct generate_result result = {.end = GENERATE_END_LENGTH, .n_prompt = n};
	struct answer answer __attribute__((cleanup(answer_finish))) = {
		.session = session,
		.params = params,
		.tokenizer = vocabulary_tokenizer(engine_vocabulary(engine)),
		.result = &result,
		.log = engine_log(engine),
	};
	int r;

	if (engine_makes_embeddings(engine))
		return log_error(answer.log, EINVAL,
				 "the model was loaded to make embeddings, not answers");
	r = check_params(params, answer.log);
	if (r == 0)
		r = start(&answer, tokens, n);
	if (r == 0)
		r = run(&answer, tokens, n);
	if (r < 0)
		return r;
	*ret_result = result;
	return 0;
}
