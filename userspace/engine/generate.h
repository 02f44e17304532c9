/* SPDX-License-Identifier: MIT */
/*
 * One answer: evaluates the text, then picks, appends and shows tokens until something ends it. What
 * the command, the daemon and the library have in common.
 */
#ifndef SLM_ENGINE_GENERATE_H
#define SLM_ENGINE_GENERATE_H

#include <stdbool.h>

#include "grammar.h"
#include "sampler.h"
#include "session.h"

enum { GENERATE_STOPS_MAX = 64, GENERATE_STOP_BYTES_MAX = 4096 };

enum generate_end {
	GENERATE_END_TOKEN,  /* the model ended its answer, or the grammar allows nothing more */
	GENERATE_END_STOP,   /* a stop string was about to appear */
	GENERATE_END_LENGTH, /* max_tokens, or the context is full */
	GENERATE_END_CANCELED,
};

struct generate_params {
	struct sampler_params sampler;
	int64_t max_tokens;	  /* negative: as many as the context holds */
	const char *const *stops; /* [n_stops] */
	uint32_t n_stops;
	/*
	 * What the answer must follow; NULL: nothing. An answer that ends by GENERATE_END_TOKEN then
	 * does; one that ends otherwise is the beginning of one that does, and is_complete says
	 * whether it may already stand for itself.
	 */
	const struct grammar *grammar;
	bool show_control; /* control tokens appear in the text */
	bool ignore_end;   /* go on after an end token; with a grammar, until nothing may follow */
	/*
	 * Gets the answer as it grows: whole characters, never the beginning of what may become a
	 * stop string. Not 0 ends the answer. NULL: nobody listens.
	 */
	int (*write)(void *data, const char *text, size_t size_bytes);
	void *data;
	/* NULL, or not 0 once the answer is to end; any thread or signal handler may set it. */
	const atomic_int *cancel;
};

struct generate_result {
	enum generate_end end;
	bool is_complete;   /* the answer follows the grammar to its end; without one, true */
	size_t n_prompt;    /* tokens of the text that was handed in */
	size_t n_kept;	    /* of them, in the cache already */
	size_t n_generated; /* tokens of the answer, an end token included */
	uint64_t prompt_ns; /* until the first logits */
	uint64_t answer_ns; /* from then on */
};

/*
 * Continues the N tokens TOKENS in SESSION. The session then holds the text with the answer (without
 * an end token), for the next call to continue. 0 also for a canceled answer; -EINVAL for
 * parameters out of range (logged); -ENOTSUP where no token of the model can continue as the grammar
 * wants, -E2BIG for a grammar that is too ambiguous (both logged); else what session_sync() and engine_step() give.
 */
int generate(struct session *session, const int32_t *tokens, size_t n,
	     const struct generate_params *params, struct generate_result *ret_result);

const char *generate_end_name(enum generate_end end);

#endif
