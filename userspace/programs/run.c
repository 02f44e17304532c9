// SPDX-License-Identifier: MIT
/* Owns `slm run`: one answer to a prompt. Where there is none, chat.c takes over. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "array.h"
#include "cleanup.h"
#include "clock.h"
#include "commands.h"
#include "engine_setup.h"
#include "interrupt.h"
#include "output.h"
#include "run_values.h"
#include "text_input.h"
#include "tool_list.h"

/* The text that begins the conversation; NULL: a chat. */
struct first_text {
	char *text;
	size_t size;
};

static void first_text_finish(struct first_text *first)
{
	free(first->text);
}

/* ---- what was asked for ---- */

static int contradiction(const struct log *log, const char *what)
{
	return log_error(log, EINVAL, "%s", what);
}

static int check_values(const struct run_values *values, const struct arguments *arguments,
			bool is_chat, const struct log *log)
{
	if (arguments->n == 2 && values->file)
		return contradiction(log, "PROMPT and --file exclude each other");
	if (values->raw && values->system)
		return contradiction(log, "--system needs a chat template and --raw uses none");
	if (values->raw && values->tools)
		return contradiction(log, "--tools needs a chat template and --raw uses none");
	if (is_chat && values->json)
		return contradiction(log, "--json needs a PROMPT, --file or text on stdin: a chat "
					  "is no JSON document");
	for (uint32_t i = 0; i < values->stops.n; i++) {
		if (*values->stops.items[i] == '\0')
			return contradiction(log, "--stop must not be empty");
	}
	return 0;
}

static int parse_bias(const char *text, const struct log *log, struct logit_bias *ret_bias)
{
	char *after_token, *end;
	long token = strtol(text, &after_token, 10);
	double bias;

	if (after_token != text && *after_token == '=' && token >= 0 && token <= INT32_MAX) {
		bias = strtod(after_token + 1, &end);
		if (end != after_token + 1 && *end == '\0' && bias >= -100 && bias <= 100) {
			*ret_bias = (struct logit_bias){(int32_t)token, (float)bias};
			return 0;
		}
	}
	return log_error(log, EINVAL,
			 "--logit-bias must be TOKEN=B, a token's number and a bias from -100 to "
			 "100, not '%s'",
			 text);
}

static int fill_sampler(struct run *run, const struct draw_values *draw,
			const struct sampler_params *chosen)
{
	struct sampler_params *sampler = &run->answer.generate.sampler;
	int r = 0;

	*sampler = *chosen;
	for (uint32_t i = 0; i < draw->biases.n && r == 0; i++)
		r = parse_bias(draw->biases.items[i], &run->program->log, &run->biases[i]);
	if (r < 0)
		return r;
	sampler->biases = run->biases;
	sampler->n_biases = draw->biases.n;
	sampler->seed = (uint64_t)draw->seed;
	/* 53 bits, so that the number survives the way through JSON and back. */
	if (draw->seed == SEED_RANDOM &&
	    getrandom(&sampler->seed, sizeof(sampler->seed), GRND_NONBLOCK) < 0)
		sampler->seed = run->program->begin_ns;
	sampler->seed &= (UINT64_C(1) << 53) - 1;
	return 0;
}

static void fill_answer(struct run *run)
{
	const struct run_values *values = run->values;

	run->answer.log = &run->program->log;
	run->answer.print = !values->json;
	run->answer.generate.max_tokens = values->max_tokens;
	run->answer.generate.stops = values->stops.items;
	run->answer.generate.n_stops = values->stops.n;
	run->answer.generate.show_control = values->show_control;
	run->answer.generate.ignore_end = values->ignore_end;
}

/* ---- the prompt ---- */

/* Editors and echo end a text with a newline that nobody means. */
static void drop_last_newline(struct first_text *first)
{
	if (first->size > 0 && first->text[first->size - 1] == '\n')
		first->text[--first->size] = '\0';
}

static enum exit_code read_first_text(const struct run_values *values,
				      const struct arguments *arguments, const struct log *log,
				      struct first_text *first)
{
	int r;

	if (arguments->n == 2) {
		first->text = strdup(arguments->items[1]);
		first->size = strlen(arguments->items[1]);
		r = first->text ? 0 : log_oom(log, "reading the prompt");
	} else {
		r = text_input_read(values->file, TOKENIZER_TEXT_MAX, log, &first->text,
				    &first->size);
		if (r == 0)
			drop_last_newline(first);
	}
	if (r == 0 && first->size == 0)
		return exit_code_of(STAGE_RUN, log_error(log, EINVAL, "the prompt is empty"));
	return r == -EFBIG ? exit_code_of(STAGE_RUN, -E2BIG) : exit_code_of(STAGE_FILE, r);
}

static int check_control(const struct run *run)
{
	const struct log *log = &run->program->log;

	if (prompt_maker_has_template(run->maker))
		return 0;
	if (run->values->system)
		return log_error(log, EINVAL, "--system cannot be used: %s has no chat template",
				 run->model);
	if (!run->values->raw)
		log_info(log, "%s has no chat template: it goes on with the bare text", run->model);
	return 0;
}

static void warn_when_cut(const struct run *run, const struct generate_result *result)
{
	size_t n;

	(void)session_tokens(run->session, &n);
	if (result->end == GENERATE_END_LENGTH && !result->is_complete)
		log_warning(&run->program->log,
			    "the answer ended before the %s was satisfied (-n allows more tokens)",
			    run->values->form.schema ? "schema" : "grammar");
	if (result->end == GENERATE_END_LENGTH && n >= engine_n_ctx(run->engine))
		log_warning(&run->program->log,
			    "the answer was cut off: the context of %" PRIu32
			    " tokens is full (--ctx makes it larger)",
			    engine_n_ctx(run->engine));
}

int run_answer(struct run *run, const struct conversation *conversation, struct answer *answer)
{
	_cleanup_(token_list_finish) struct token_list tokens = {0};
	int r;

	r = prompt_maker_encode(run->maker, conversation->messages, conversation->n, &tokens);
	if (r < 0)
		return r;
	r = answer_make(run->session, tokens.ids, tokens.n, &run->answer, answer);
	if (r == 0)
		warn_when_cut(run, &answer->result);
	return r;
}

/* ---- one answer ---- */

static json_t *answer_json(const struct run *run, const struct answer *answer)
{
	const struct generate_result *result = &answer->result;

	return json_pack("{s:o, s:o, s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f}", "model",
			 json_text(run->model, strlen(run->model)), "answer",
			 json_text(answer->text ? answer->text : "", answer->size), "end",
			 generate_end_name(result->end), "prompt_tokens",
			 (json_int_t)result->n_prompt, "answer_tokens",
			 (json_int_t)result->n_generated, "seed",
			 (json_int_t)run->answer.generate.sampler.seed, "load_ms",
			 (double)run->load_ns * 1e-6, "first_text_ms",
			 (double)answer->first_ns * 1e-6, "prompt_ms",
			 (double)result->prompt_ns * 1e-6, "prompt_tok_s",
			 answer_prompt_rate(result), "tok_s", answer_token_rate(result));
}

static enum exit_code print_answer(const struct run *run, const struct answer *answer)
{
	enum exit_code code = EXIT_CODE_DONE;

	if (run->values->stats)
		answer_print_stats(answer, run->load_ns);
	if (run->values->json)
		code = output_json(answer_json(run, answer), &run->program->log);
	if (code == EXIT_CODE_DONE && interrupt_take())
		code = EXIT_CODE_INTERRUPTED;
	return code;
}

static enum exit_code one_answer(struct run *run, const struct first_text *first)
{
	_cleanup_(conversation_finish) struct conversation conversation = {0};
	_cleanup_(answer_finish) struct answer answer = {0};
	int r = 0;

	if (run->values->system)
		r = conversation_set_system(&conversation, run->values->system);
	if (r == 0)
		r = conversation_add(&conversation, "user", first->text, first->size);
	if (r < 0)
		return exit_code_of(STAGE_RUN, log_oom(&run->program->log, "making the prompt"));
	interrupt_catch();
	r = run_answer(run, &conversation, &answer);
	if (r < 0)
		return exit_code_of(STAGE_RUN, r);
	return print_answer(run, &answer);
}

/* ---- */

static int start(struct run *run)
{
	int r;

	r = session_create(run->engine, &run->session);
	if (r < 0)
		return r;
	device_watch_init(&run->watch, run->engine);
	run->answer.watch = &run->watch;
	r = prompt_maker_create(engine_vocabulary(run->engine), run->values->raw,
				&run->program->log, &run->maker);
	if (r == 0)
		r = check_control(run);
	if (r == 0 && run->tools)
		r = prompt_maker_set_tools(run->maker, run->tools);
	run->load_ns = clock_now_ns() - run->program->begin_ns;
	log_info(&run->program->log, "seed %" PRIu64 ", loaded in %.0f ms",
		 run->answer.generate.sampler.seed, (double)run->load_ns * 1e-6);
	return r;
}

static void run_finish(struct run *run)
{
	prompt_maker_destroy(run->maker);
	session_destroy(run->session);
	device_watch_finish(&run->watch);
	engine_destroy(run->engine);
	grammar_destroy(run->grammar);
	json_decref(run->tools);
}

static enum exit_code load(struct run *run, struct engine_setup *setup)
{
	enum exit_code code = engine_setup_load(setup, &run->engine);

	return code != EXIT_CODE_DONE ? code : exit_code_of(STAGE_MODEL, start(run));
}

/* What answers must look like: wrong usage where options contradict each other, else a file. */
static enum exit_code read_form(struct run *run)
{
	const struct answer_form *form = &run->values->form;
	int r = answer_form_read(form, &run->program->log, &run->grammar);

	run->answer.generate.grammar = run->grammar;
	if (r == -EINVAL && form->schema && form->grammar)
		return EXIT_CODE_USAGE;
	return exit_code_of(STAGE_FILE, r);
}

/* The model is looked for before stdin is waited for, and loaded after. */
static enum exit_code run_all(struct run *run, const struct engine_values *engine_values,
			      const struct arguments *arguments)
{
	_cleanup_(engine_setup_finish) struct engine_setup setup = {0};
	_cleanup_(first_text_finish) struct first_text first = {0};
	const struct log *log = &run->program->log;
	bool is_chat = arguments->n < 2 && !run->values->file && isatty(STDIN_FILENO);
	enum exit_code code;

	if (check_values(run->values, arguments, is_chat, log) < 0)
		return EXIT_CODE_USAGE;
	code = read_form(run);
	if (code == EXIT_CODE_DONE && run->values->tools)
		code = exit_code_of(STAGE_FILE,
				    tool_list_read(run->values->tools, log, &run->tools));
	if (code != EXIT_CODE_DONE)
		return code;
	code = engine_setup_init(&setup, run->program, engine_values, run->model);
	if (code == EXIT_CODE_DONE && !is_chat)
		code = read_first_text(run->values, arguments, log, &first);
	if (code == EXIT_CODE_DONE)
		code = load(run, &setup);
	if (code != EXIT_CODE_DONE)
		return code;
	return is_chat ? chat_run(run) : one_answer(run, &first);
}

enum exit_code run_run(struct program *program, int argc, char **argv)
{
	struct run_values values;
	struct sampler_params sampler;
	struct draw_values draw;
	struct engine_values engine_values;
	struct general_values general;
	struct run run
		__attribute__((cleanup(run_finish))) = {.program = program, .values = &values};
	struct arguments arguments;
	enum exit_code code;

	if (!command_parse(program, &run_options,
			   (void *[]){&values, &sampler, &draw, &engine_values, &general}, argc,
			   argv, &arguments, &code))
		return code;
	run.model = arguments.items[0];
	if (fill_sampler(&run, &draw, &sampler) < 0)
		return EXIT_CODE_USAGE;
	fill_answer(&run);
	return run_all(&run, &engine_values, &arguments);
}
