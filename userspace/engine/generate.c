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
#include "vocabulary.h"

struct answer {
	struct session *session;
	const struct generate_params *params;
	const struct tokenizer *tokenizer;
	struct sampler *sampler;
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

static int start(struct answer *answer, const int32_t *tokens, size_t n)
{
	const struct generate_params *params = answer->params;
	struct detokenizer_options options = {.show_control = params->show_control};
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
	return 0;
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

/* Picks and shows one token: 1 when it was the last, 0 when the text goes on with it. */
static int next_token(struct answer *answer)
{
	const struct generate_params *params = answer->params;
	int32_t token = sampler_pick(answer->sampler, session_logits(answer->session));
	int r;

	answer->result->n_generated++;
	if (tokenizer_is_end(answer->tokenizer, token) && !params->ignore_end) {
		answer->result->end = GENERATE_END_TOKEN;
		return 1;
	}
	r = show_text(answer, detokenizer_push(answer->detokenizer, token));
	if (r != 0)
		return r;
	answer->result->end = GENERATE_END_LENGTH;
	if (is_full(answer))
		return 1;
	r = session_append(answer->session, token);
	if (r < 0)
		return r;
	return params->max_tokens >= 0 &&
	       answer->result->n_generated >= (uint64_t)params->max_tokens;
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
