// SPDX-License-Identifier: MIT
/* Owns the showing of answers. Refuses to let a model steer the terminal. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "array.h"
#include "clock.h"
#include "interrupt.h"
#include "output.h"
#include "terminal_log.h"
#include "visible_text.h"

struct writer {
	struct answer *answer;
	const struct answer_params *params;
	uint64_t begin_ns;
	bool is_terminal;
	int error;
};

static int print(const char *text, size_t size, const struct writer *writer)
{
	char shown[1024];
	size_t at = 0;
	int r = 0;

	if (!writer->is_terminal)
		return output_write(text, size, writer->params->log);
	while (at < size && r == 0) {
		size_t n = 0;

		while (at < size && n + VISIBLE_CHARACTER_MAX <= sizeof(shown)) {
			size_t m;

			at += visible_character(text + at, size - at, true, shown + n, &m);
			n += m;
		}
		r = output_write(shown, n, writer->params->log);
	}
	return r;
}

static int keep(struct answer *answer, const char *text, size_t size)
{
	int r = array_reserve(&answer->text, &answer->capacity, answer->size + size + 1, 1);

	if (r < 0)
		return r;
	memcpy(answer->text + answer->size, text, size);
	answer->size += size;
	answer->text[answer->size] = '\0';
	return 0;
}

static int take_text(void *data, const char *text, size_t size)
{
	struct writer *writer = data;

	if (writer->answer->first_ns == 0)
		writer->answer->first_ns = clock_now_ns() - writer->begin_ns;
	if (writer->params->watch)
		device_watch_look(writer->params->watch);
	writer->error = keep(writer->answer, text, size);
	if (writer->error < 0)
		(void)log_oom(writer->params->log, "keeping the answer");
	else if (writer->params->print)
		writer->error = print(text, size, writer);
	return writer->error;
}

static int end_line(struct writer *writer)
{
	const struct answer *answer = writer->answer;
	/* The terminal has shown ^C behind it. */
	bool is_marked = writer->is_terminal && atomic_load(interrupt_flag()) != 0;

	if (!writer->params->print ||
	    (!is_marked && answer->size > 0 && answer->text[answer->size - 1] == '\n'))
		return 0;
	return output_write("\n", 1, writer->params->log);
}

int answer_make(struct session *session, const int32_t *tokens, size_t n,
		const struct answer_params *params, struct answer *answer)
{
	struct writer writer = {
		.answer = answer,
		.params = params,
		.begin_ns = clock_now_ns(),
		.is_terminal = isatty(STDOUT_FILENO) == 1,
	};
	struct generate_params generate_params = params->generate;
	int r;

	generate_params.write = take_text;
	generate_params.data = &writer;
	generate_params.cancel = interrupt_flag();
	r = generate(session, tokens, n, &generate_params, &answer->result);
	if (r == 0 && writer.error == 0)
		writer.error = end_line(&writer);
	answer->reader_gone = writer.error == -EPIPE;
	if (r == 0 && !answer->reader_gone)
		r = writer.error;
	return r;
}

void answer_finish(struct answer *answer)
{
	free(answer->text);
	*answer = (struct answer){0};
}

static double rate(size_t n, uint64_t ns)
{
	return n > 0 && ns > 0 ? (double)n / ((double)ns * 1e-9) : 0;
}

double answer_prompt_rate(const struct generate_result *result)
{
	return rate(result->n_prompt - result->n_kept, result->prompt_ns);
}

/* The first token comes out of the prompt; each other one took a step. */
double answer_token_rate(const struct generate_result *result)
{
	return rate(result->n_generated > 1 ? result->n_generated - 1 : 0, result->answer_ns);
}

void answer_print_stats(const struct answer *answer, uint64_t load_ns)
{
	const struct generate_result *result = &answer->result;
	char line[512], load[64] = "";

	if (load_ns > 0)
		(void)snprintf(load, sizeof(load), "loaded in %.0f ms, ", (double)load_ns * 1e-6);
	(void)snprintf(line, sizeof(line),
		       "%sfirst text after %.0f ms; prompt: %zu tokens, %zu of them kept, "
		       "%.1f tok/s; answer: %zu tokens, %.1f tok/s, ended by %s",
		       load, (double)answer->first_ns * 1e-6, result->n_prompt, result->n_kept,
		       answer_prompt_rate(result), result->n_generated, answer_token_rate(result),
		       generate_end_name(result->end));
	terminal_log_write(NULL, LOG_LEVEL_INFO, line);
}
