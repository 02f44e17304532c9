// SPDX-License-Identifier: MIT
/*
 * Owns a conversation at the terminal: reading what is typed, its commands, answering. The session
 * keeps the evaluated text, so that each answer costs only what is new.
 */
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "cleanup.h"
#include "interrupt.h"
#include "line_editor.h"
#include "path.h"
#include "run_values.h"
#include "typed_text.h"
#include "visible_text.h"

enum { CHAT_COMMANDS_MAX = 16 };

struct chat {
	struct run *run;
	const struct log *log;
	struct line_editor *editor;
	FILE *out; /* where we talk to the user, beside the answers */
	struct conversation conversation;
	struct answer last;		      /* answer, for /stats */
	uint64_t seed;			      /* of the next answer */
	const char *words[CHAT_COMMANDS_MAX]; /* names of the commands, for Tab; ended by NULL */
	bool leaving;
	enum exit_code code;
};

struct chat_command {
	const char *name; /* with its slash */
	const char *argument;
	const char *help;
	void (*act)(struct chat *chat, const char *argument);
};

static const struct chat_command chat_commands[CHAT_COMMANDS_MAX];

/* ---- answers ---- */

static void ran_out_of_memory(struct chat *chat)
{
	(void)log_oom(chat->log, "keeping the conversation");
}

/* An answer that failed leaves the conversation as it was before the question. */
static void answer(struct chat *chat)
{
	_cleanup_(answer_finish) struct answer made = {0};
	int r;

	chat->run->answer.generate.sampler.seed = chat->seed++;
	interrupt_catch();
	r = run_answer(chat->run, &chat->conversation, &made);
	(void)interrupt_take();
	if (r < 0) {
		conversation_remove_last(&chat->conversation);
		if (r == -E2BIG)
			log_warning(chat->log, "the question was taken back; /clear begins anew");
		return;
	}
	if (made.reader_gone) {
		chat->leaving = true;
		return;
	}
	if (conversation_add(&chat->conversation, "assistant", made.text ? made.text : "",
			     made.size) < 0)
		ran_out_of_memory(chat);
	answer_finish(&chat->last);
	chat->last = made;
	made = (struct answer){0};
	if (chat->run->values->stats)
		answer_print_stats(&chat->last, 0);
}

static void ask(struct chat *chat, const char *text)
{
	if (conversation_add(&chat->conversation, "user", text, strlen(text)) < 0)
		ran_out_of_memory(chat);
	else
		answer(chat);
}

/* ---- commands ---- */

static void act_help(struct chat *chat, const char *argument)
{
	(void)argument;
	for (const struct chat_command *command = chat_commands; command->name; command++)
		(void)fprintf(chat->out, "  %-9s%-7s%s\n", command->name, command->argument,
			      command->help);
	(void)fprintf(chat->out,
		      "\nA line that ends with \\ goes on in the next one; \"\"\" begins and ends "
		      "a text of several lines;\na text that begins with / is typed with //. "
		      "Ctrl-C ends the answer, Ctrl-D or Ctrl-C twice the chat.\n");
}

static void act_clear(struct chat *chat, const char *argument)
{
	(void)argument;
	conversation_clear(&chat->conversation);
}

static bool wants_path(const struct chat *chat, const char *argument)
{
	if (*argument)
		return true;
	(void)log_error(chat->log, EINVAL, "this wants the name of a file");
	return false;
}

static void act_save(struct chat *chat, const char *argument)
{
	if (wants_path(chat, argument))
		(void)conversation_save(&chat->conversation, argument, chat->log);
}

static void act_load(struct chat *chat, const char *argument)
{
	if (wants_path(chat, argument) &&
	    conversation_load(&chat->conversation, argument, chat->log) == 0)
		(void)fprintf(chat->out, "%zu messages\n", chat->conversation.n);
}

static void act_regen(struct chat *chat, const char *argument)
{
	(void)argument;
	if (conversation_ends_with(&chat->conversation, "assistant"))
		conversation_remove_last(&chat->conversation);
	if (conversation_ends_with(&chat->conversation, "user"))
		answer(chat);
	else
		(void)log_error(chat->log, EINVAL, "there is no answer to make anew");
}

static void act_system(struct chat *chat, const char *argument)
{
	const struct message *message = conversation_system(&chat->conversation);

	if (!prompt_maker_has_template(chat->run->maker)) {
		(void)log_error(chat->log, EINVAL,
				"without a chat template the model cannot be "
				"told anything");
	} else if (*argument) {
		if (conversation_set_system(&chat->conversation,
					    strcmp(argument, "-") == 0 ? "" : argument) < 0)
			ran_out_of_memory(chat);
	} else if (message) {
		visible_print(message->content, message->size, true, chat->out);
		(void)fputc('\n', chat->out);
	} else {
		(void)fprintf(chat->out, "the model is told nothing of ours\n");
	}
}

static void act_stats(struct chat *chat, const char *argument)
{
	(void)argument;
	if (chat->last.result.n_prompt > 0)
		answer_print_stats(&chat->last, 0);
}

static void act_exit(struct chat *chat, const char *argument)
{
	(void)argument;
	chat->leaving = true;
}

static const struct chat_command chat_commands[CHAT_COMMANDS_MAX] = {
	{"/help", "", "show this", act_help},
	{"/clear", "", "forget the conversation, not the system text", act_clear},
	{"/save", "FILE", "save the conversation as JSON", act_save},
	{"/load", "FILE", "go on with a saved conversation", act_load},
	{"/regen", "", "answer the last question anew", act_regen},
	{"/system", "[TEXT]", "show or set what the model is told first; - for nothing",
	 act_system},
	{"/stats", "", "show how fast the last answer was", act_stats},
	{"/exit", "", "leave", act_exit},
	{0},
};

static void command(struct chat *chat, const char *line)
{
	size_t n = strcspn(line, " ");
	const char *argument = line + n + strspn(line + n, " ");

	for (const struct chat_command *c = chat_commands; c->name; c++) {
		if (strlen(c->name) == n && strncmp(c->name, line, n) == 0) {
			c->act(chat, argument);
			return;
		}
	}
	(void)log_error(chat->log, EINVAL, "there is no %.*s; /help lists what there is", (int)n,
			line);
}

static void act_on(struct chat *chat, const char *text)
{
	line_editor_remember(chat->editor, text);
	if (text[0] == '/' && text[1] != '/')
		command(chat, text);
	else
		ask(chat, text[0] == '/' ? text + 1 : text);
	(void)fflush(chat->out);
}

/* ---- the loop ---- */

static void loop(struct chat *chat)
{
	_cleanup_(typed_text_finish) struct typed_text typed = {.editor = chat->editor};
	unsigned n_abandoned = 0;

	while (!chat->leaving) {
		enum line_result result = typed_text_read(&typed);

		n_abandoned = result == LINE_ABANDONED ? n_abandoned + 1 : 0;
		if (result == LINE_END || n_abandoned > 1)
			chat->leaving = true;
		else if (result == LINE_ABANDONED)
			(void)fprintf(chat->out, "(Ctrl-C again, Ctrl-D or /exit to leave)\n");
		else if (result == LINE_TEXT && typed.text[strspn(typed.text, " \t\n")])
			act_on(chat, typed.text);
	}
	if (n_abandoned > 1)
		chat->code = EXIT_CODE_INTERRUPTED;
}

static char *history_path(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state && *state == '/')
		return path_format("%s/slm/history", state);
	return home && *home ? path_format("%s/.local/state/slm/history", home) : NULL;
}

static void greet(const struct chat *chat)
{
	if (prompt_maker_has_template(chat->run->maker))
		(void)fprintf(chat->out, "/help lists what can be done, Ctrl-D leaves\n");
	else
		(void)fprintf(chat->out,
			      "this model has no chat template: it goes on with what you type; "
			      "/help lists what can be done, Ctrl-D leaves\n");
}

/* Characters of several bytes need a locale that has them, whatever the system's is. */
static void choose_locale(void)
{
	if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1)
		(void)setlocale(LC_CTYPE, "C.UTF-8");
}

static int start(struct chat *chat, const char *history)
{
	struct line_editor_params params = {
		.out = chat->out,
		.history_path = history,
		.words = chat->words,
		.log = chat->log,
	};
	const char *system = chat->run->values->system;

	for (size_t i = 0; chat_commands[i].name; i++)
		chat->words[i] = chat_commands[i].name;
	choose_locale();
	if (system && conversation_set_system(&chat->conversation, system) < 0)
		return log_oom(chat->log, "beginning the chat");
	return line_editor_create(&params, &chat->editor);
}

static void chat_finish(struct chat *chat)
{
	line_editor_destroy(chat->editor);
	conversation_finish(&chat->conversation);
	answer_finish(&chat->last);
}

enum exit_code chat_run(struct run *run)
{
	/* Before the chat, so that it is still there when the editor writes the file. */
	_cleanup_free_ char *history = run->values->keep_history ? history_path() : NULL;
	struct chat chat __attribute__((cleanup(chat_finish))) = {
		.run = run,
		.log = &run->program->log,
		/* An answer that goes to a file is not mixed with what is typed. */
		.out = isatty(STDOUT_FILENO) ? stdout : stderr,
		.seed = run->answer.generate.sampler.seed,
	};
	int r = start(&chat, history);

	if (r < 0)
		return exit_code_of(STAGE_RUN, r);
	greet(&chat);
	interrupt_catch();
	loop(&chat);
	return chat.code;
}
