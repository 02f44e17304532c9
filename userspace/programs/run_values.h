/* SPDX-License-Identifier: MIT */
/* What `slm run` was told, for one answer and for a chat. */
#ifndef SLM_PROGRAMS_RUN_VALUES_H
#define SLM_PROGRAMS_RUN_VALUES_H

#include "answer.h"
#include "answer_form.h"
#include "command.h"
#include "conversation.h"

struct run_values {
	const char *system;
	const char *file;
	int64_t max_tokens;
	struct option_texts stops;
	struct answer_form form;
	const char *tools; /* a file's name; NULL: none */
	bool raw;
	bool json;
	bool stats;
	bool ignore_end;
	bool show_control;
	bool keep_history;
};

enum { SEED_RANDOM = -1 };

struct draw_values {
	int64_t seed;
	struct option_texts biases; /* "TOKEN=B" */
};

/* All that an answer needs. */
struct run {
	struct program *program;
	const struct run_values *values;
	const char *model;
	struct engine *engine;
	struct device_watch watch;
	struct session *session;
	struct prompt_maker *maker;
	struct grammar *grammar;     /* of answers; NULL: any text */
	json_t *tools;		     /* NULL: none */
	struct answer_params answer; /* log and generate filled in */
	struct logit_bias biases[OPTION_TEXTS_MAX];
	uint64_t load_ns; /* from the start of the program */
};

/* The answer to CONVERSATION into ANSWER, which is empty. 0 or -errno, logged. */
int run_answer(struct run *run, const struct conversation *conversation, struct answer *answer);

/* A conversation at the terminal, until the user leaves. */
enum exit_code chat_run(struct run *run);

#endif
