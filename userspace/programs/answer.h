/* SPDX-License-Identifier: MIT */
/* An answer on its way to stdout, and how fast it was. */
#ifndef SLM_PROGRAMS_ANSWER_H
#define SLM_PROGRAMS_ANSWER_H

#include <jansson.h>

#include "device_watch.h"
#include "generate.h"
#include "log.h"

struct answer_params {
	struct generate_params generate; /* write, data and cancel are filled in here */
	bool print;			 /* on stdout as it grows; in any case it is kept */
	struct device_watch *watch;	 /* looked at as the answer grows; NULL: none */
	const struct log *log;
};

struct answer {
	char *text; /* [size], with a NUL after it; NULL before the first byte */
	size_t size;
	size_t capacity;
	struct generate_result result;
	uint64_t first_ns; /* from the beginning of the call to the first text; 0: none came */
	bool reader_gone;  /* stdout was closed: the end was quiet */
};

/*
 * Lets SESSION continue TOKENS. On a terminal control characters of the answer are shown, not
 * obeyed. A newline is put at the end where the answer has none. 0, or -errno (logged) as generate()
 * gives it, -EIO when stdout cannot be written.
 */
int answer_make(struct session *session, const int32_t *tokens, size_t n,
		const struct answer_params *params, struct answer *answer);
void answer_finish(struct answer *answer);

/* One line on stderr about the answer's speed. LOAD_NS 0: not said. */
void answer_print_stats(const struct answer *answer, uint64_t load_ns);

/* Tokens a second, 0 where none were evaluated. */
double answer_prompt_rate(const struct generate_result *result);
double answer_token_rate(const struct generate_result *result);

#endif
